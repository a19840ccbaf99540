// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Formats beside the float types of MLIR.

#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "llvm/Support/raw_ostream.h"

using namespace quern;

template <typename T> static std::string textOf(T typeOrAttribute) {
  std::string text;
  llvm::raw_string_ostream(text) << typeOrAttribute;
  return text;
}

bool qt::isPlain(const numerics::Format &format, mlir::Type element) {
  return !format.isScaled() && format.columns.empty() &&
         format.element.kind == numerics::ElementKind::Float &&
         format.element.floatType->name == textOf(element);
}

Result<numerics::Format> qt::formatOf(mlir::RankedTensorType type) {
  if (FormatAttr format = getFormatAttr(type))
    return format.getFormat();
  if (type.getEncoding())
    return Status::error(StatusCode::InvalidArgument,
                         "expects an encoding #qt.format or none, but got " +
                             textOf(type.getEncoding()));
  std::string element = textOf(type.getElementType());
  if (!numerics::lookupFloatType(element))
    return Status::error(StatusCode::InvalidArgument,
                         "expects a float element type, but got " + element);
  return numerics::FormatRegistry::builtin().resolve(element);
}
