// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the attributes of initial values may know of the weight that they
// are of.

#ifndef QUERN_DIALECT_PARAM_IR_PARAMINTERFACES_TD
#define QUERN_DIALECT_PARAM_IR_PARAMINTERFACES_TD

include "mlir/IR/OpBase.td"

def Param_VerifiableInitialValue : AttrInterface<"VerifiableInitialValue"> {
  let cppNamespace = "::quern::param";
  let description = [{
    An initial value of a `param.global` that does not fit every type. Other
    attributes of dialects are taken as they are.
  }];
  let methods = [
    InterfaceMethod<
      "Fails unless this can be the value of a weight of `type`.",
      "::llvm::LogicalResult", "verifyInitialValue",
      (ins "::mlir::RankedTensorType":$type,
           "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>
  ];
}

#endif // QUERN_DIALECT_PARAM_IR_PARAMINTERFACES_TD
