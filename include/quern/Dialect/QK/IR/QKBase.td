// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The qk dialect: which byte, which kernel?

#ifndef QUERN_DIALECT_QK_IR_QKBASE_TD
#define QUERN_DIALECT_QK_IR_QKBASE_TD

include "mlir/IR/OpBase.td"

def QK_Dialect : Dialect {
  let name = "qk";
  let cppNamespace = "::quern::qk";
  let summary = "Layouts of quantized tensors and the kernels that read them";
  let description = [{
    The `qk` dialect says where the bits of a format's codes lie
    (`#qk.layout`), in a kernel's memory or in a container (`#qk.stored`),
    converts between numbers and bytes, and holds the fused
    kernels that code generation turns into machine code.
  }];
  let dependentDialects = ["::quern::param::ParamDialect",
                           "::quern::qt::QTDialect"];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{ void registerAttributes(); }];
}

#endif // QUERN_DIALECT_QK_IR_QKBASE_TD
