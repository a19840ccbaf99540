// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Enumerations of the nn dialect.

#ifndef QUERN_DIALECT_NN_IR_NNENUMS_TD
#define QUERN_DIALECT_NN_IR_NNENUMS_TD

include "mlir/IR/EnumAttr.td"
include "quern/Dialect/NN/IR/NNBase.td"

def NN_Compute : I32EnumAttr<"Compute", "precision of a product's operands", [
    I32EnumAttrCase<"F32", 0, "f32">,
    I32EnumAttrCase<"BF16", 1, "bf16">]> {
  let cppNamespace = "::quern::nn";
  let genSpecializedAttr = 0;
}
def NN_ComputeAttr : EnumAttr<NN_Dialect, NN_Compute, "compute">;

def NN_Activation : I32EnumAttr<"Activation", "function between two products", [
    I32EnumAttrCase<"SiLU", 0, "silu">,
    I32EnumAttrCase<"GELU", 1, "gelu">,
    I32EnumAttrCase<"GELUTanh", 2, "gelu_tanh">]> {
  let cppNamespace = "::quern::nn";
  let genSpecializedAttr = 0;
}
def NN_ActivationAttr : EnumAttr<NN_Dialect, NN_Activation, "activation">;

#endif // QUERN_DIALECT_NN_IR_NNENUMS_TD
