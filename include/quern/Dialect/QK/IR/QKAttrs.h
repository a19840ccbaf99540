// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attributes of the qk dialect.

#ifndef QUERN_DIALECT_QK_IR_QKATTRS_H
#define QUERN_DIALECT_QK_IR_QKATTRS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/OpImplementation.h"
#include "quern/Dialect/Param/IR/ParamInterfaces.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Numerics/Layout.h"
#include "quern/Numerics/StoredRows.h"
#include <memory>
#include <string>

#include "quern/Dialect/QK/IR/QKEnums.h.inc"

namespace quern::qk {

/// A layout as an attribute holds it: shared, and compared by its canonical
/// text.
class LayoutRef {
public:
  explicit LayoutRef(const numerics::Layout &layout)
      : layout(std::make_shared<const numerics::Layout>(layout)),
        text(numerics::printLayout(layout)) {}

  const numerics::Layout &getLayout() const { return *layout; }
  const std::string &getText() const { return text; }

  bool operator==(const LayoutRef &other) const { return text == other.text; }
  friend llvm::hash_code hash_value(const LayoutRef &ref) {
    return llvm::hash_value(ref.text);
  }

private:
  std::shared_ptr<const numerics::Layout> layout;
  std::string text;
};

} // namespace quern::qk

#define GET_ATTRDEF_CLASSES
#include "quern/Dialect/QK/IR/QKAttrs.h.inc"

#endif // QUERN_DIALECT_QK_IR_QKATTRS_H
