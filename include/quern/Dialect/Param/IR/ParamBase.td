// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The param dialect: which weight?

#ifndef QUERN_DIALECT_PARAM_IR_PARAMBASE_TD
#define QUERN_DIALECT_PARAM_IR_PARAMBASE_TD

include "mlir/IR/OpBase.td"

def Param_Dialect : Dialect {
  let name = "param";
  let cppNamespace = "::quern::param";
  let summary = "Weights by name, type and encoding, never by value";
  let description = [{
    The `param` dialect names the weights of a model. Their values stay in the
    files they came from: IR holds a symbol, a type and where to find the bytes,
    so that the text of a model of any size is small.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{ void registerAttributes(); }];
}

#endif // QUERN_DIALECT_PARAM_IR_PARAMBASE_TD
