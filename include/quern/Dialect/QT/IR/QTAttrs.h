// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attributes of the qt dialect.

#ifndef QUERN_DIALECT_QT_IR_QTATTRS_H
#define QUERN_DIALECT_QT_IR_QTATTRS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "quern/Numerics/Columns.h"
#include "quern/Numerics/Format.h"
#include <memory>
#include <string>

namespace quern::qt {

/// A format as an attribute holds it: shared, and compared by its canonical
/// text.
class FormatRef {
public:
  explicit FormatRef(const numerics::Format &format)
      : format(std::make_shared<const numerics::Format>(format)),
        text(numerics::printFormat(format)) {}

  const numerics::Format &getFormat() const { return *format; }
  const std::string &getText() const { return text; }

  bool operator==(const FormatRef &other) const { return text == other.text; }
  friend llvm::hash_code hash_value(const FormatRef &ref) {
    return llvm::hash_value(ref.text);
  }

private:
  std::shared_ptr<const numerics::Format> format;
  std::string text;
};

class FormatAttr;

/// The #qt.format of `type`, or null if it has another encoding or none.
FormatAttr getFormatAttr(mlir::Type type);

} // namespace quern::qt

#define GET_ATTRDEF_CLASSES
#include "quern/Dialect/QT/IR/QTAttrs.h.inc"

#endif // QUERN_DIALECT_QT_IR_QTATTRS_H
