// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Folds of qt operations that are true in every phase.

#include "quern/Dialect/QT/IR/QTOps.h"

using namespace mlir;
using namespace quern;
using namespace quern::qt;

/// Whether every number of type `type` is one of `format`: then quantizing
/// changes nothing.
static bool holdsExactly(const numerics::Format &format, Type type) {
  return !format.isScaled() && format.columns.empty() &&
         format.element.kind == numerics::ElementKind::Float &&
         format.element.floatType->name == "f32" &&
         (type.isF32() || type.isF16() || type.isBF16());
}

OpFoldResult DequantizeOp::fold(FoldAdaptor) {
  auto quantize = getInput().getDefiningOp<QuantizeOp>();
  if (!quantize)
    return {};
  FormatAttr format = getFormatAttr(getInput().getType());
  if (!holdsExactly(format.getFormat(), getType().getElementType()))
    return {};
  return quantize.getInput();
}
