// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The qt dialect: which numbers?

#ifndef QUERN_DIALECT_QT_IR_QTBASE_TD
#define QUERN_DIALECT_QT_IR_QTBASE_TD

include "mlir/IR/OpBase.td"

def QT_Dialect : Dialect {
  let name = "qt";
  let cppNamespace = "::quern::qt";
  let summary = "Quantized tensors, before any physical layout is chosen";
  let description = [{
    The `qt` dialect says which numbers the codes of a tensor stand for. A
    quantized tensor is a builtin tensor with the encoding `#qt.format`: its
    shape and element type are the logical ones. Where the bits lie in memory is
    the business of `qk`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    /// Names that may stand for a format in `#qt.format<...>`: the formats that
    /// Quern ships, unless setFormats gave others.
    const ::quern::numerics::FormatRegistry &getFormats() const;

    /// Replaces the named formats, usually by a copy of the builtin ones with
    /// those of a user's file added.
    void setFormats(::quern::numerics::FormatRegistry formats);

    void registerAttributes();

  private:
    std::optional<::quern::numerics::FormatRegistry> customFormats;

  public:
  }];
}

#endif // QUERN_DIALECT_QT_IR_QTBASE_TD
