// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Enumerations of the qk dialect.

#ifndef QUERN_DIALECT_QK_IR_QKENUMS_TD
#define QUERN_DIALECT_QK_IR_QKENUMS_TD

include "mlir/IR/EnumAttr.td"
include "quern/Dialect/QK/IR/QKBase.td"

def QK_KernelKind : I32EnumAttr<"KernelKind", "what a kernel computes", [
    I32EnumAttrCase<"Embedding", 0, "embedding">,
    I32EnumAttrCase<"RMSNorm", 1, "rms_norm">,
    I32EnumAttrCase<"Linear", 2, "linear">,
    I32EnumAttrCase<"Rope", 3, "rope">,
    I32EnumAttrCase<"KVAppend", 4, "kv_append">,
    I32EnumAttrCase<"Attention", 5, "attention">,
    I32EnumAttrCase<"Add", 6, "add">,
    I32EnumAttrCase<"GatedActivation", 7, "gated_activation">,
    I32EnumAttrCase<"LastRows", 8, "last_rows">,
    I32EnumAttrCase<"Quantize", 9, "quantize">,
    I32EnumAttrCase<"Hadamard", 10, "hadamard">,
    I32EnumAttrCase<"GatherColumns", 11, "gather_columns">,
    I32EnumAttrCase<"ScaleColumns", 12, "scale_columns">,
    I32EnumAttrCase<"Scale", 13, "scale">,
    I32EnumAttrCase<"Softcap", 14, "softcap">,
    I32EnumAttrCase<"LayerNorm", 15, "layer_norm">,
    I32EnumAttrCase<"Activation", 16, "activation">,
    I32EnumAttrCase<"AddPositions", 17, "add_positions">,
    I32EnumAttrCase<"Route", 18, "route">,
    I32EnumAttrCase<"Dispatch", 19, "dispatch">,
    I32EnumAttrCase<"Combine", 20, "combine">]> {
  let cppNamespace = "::quern::qk";
  let genSpecializedAttr = 0;
}
def QK_KernelKindAttr : EnumAttr<QK_Dialect, QK_KernelKind, "kernel_kind">;

#endif // QUERN_DIALECT_QK_IR_QKENUMS_TD
