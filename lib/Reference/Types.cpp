// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What types of the IR mean for the values of the interpreter.

#include "Types.h"
#include "Mismatch.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "llvm/Support/raw_ostream.h"

using namespace quern;
using namespace quern::reference;

std::string reference::textOf(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

bool reference::isInteger(mlir::Type element) {
  return element.isInteger(32) || element.isInteger(8);
}

bool reference::isReal(mlir::Type element) {
  return llvm::isa<mlir::FloatType>(element) &&
         element.getIntOrFloatBitWidth() <= 32;
}

static bool fitsShape(const Tensor &tensor, mlir::RankedTensorType type) {
  if (tensor.rank() != type.getRank())
    return false;
  for (auto [actual, expected] : llvm::zip(tensor.shape(), type.getShape()))
    if (!mlir::ShapedType::isDynamic(expected) && actual != expected)
      return false;
  return true;
}

static bool fitsElements(const Tensor &tensor, mlir::RankedTensorType type) {
  if (qt::FormatAttr format = qt::getFormatAttr(type))
    return tensor.isCoded() && *tensor.format() == format.getFormat();
  if (isReal(type.getElementType()))
    return tensor.isReal() && !tensor.isCoded();
  return isInteger(type.getElementType()) && tensor.isInt();
}

static std::string describe(const Tensor &tensor) {
  if (tensor.isIndex())
    return "an index";
  const char *kind = tensor.isCoded()  ? "coded numbers"
                     : tensor.isReal() ? "real numbers"
                                       : "integers";
  return kind + (" of shape " + tensor.shapeText());
}

Status reference::checkType(const Value &value, mlir::Type type) {
  const auto *tensor = std::get_if<Tensor>(&value);
  if (llvm::isa<nn::KVCacheType>(type) && !tensor)
    return Status::ok();
  if (!tensor)
    return mismatch(textOf(type), "a cache");
  if (type.isIndex() && tensor->isIndex())
    return Status::ok();
  auto ranked = llvm::dyn_cast<mlir::RankedTensorType>(type);
  if (ranked && fitsShape(*tensor, ranked) && fitsElements(*tensor, ranked))
    return Status::ok();
  return mismatch(textOf(type), describe(*tensor));
}

Result<Tensor> reference::roundToElement(const Tensor &numbers,
                                         mlir::Type element) {
  if (element.isF32())
    return Tensor::ofReals(numbers.shape(),
                           {numbers.values().begin(), numbers.values().end()});
  const numerics::FloatType *type = numerics::lookupFloatType(textOf(element));
  if (!type)
    return mismatch("a float type of at most 32 bits", textOf(element));
  std::vector<float> rounded;
  rounded.reserve(numbers.values().size());
  for (float value : numbers.values())
    rounded.push_back(roundTo(*type, value));
  return Tensor::ofReals(numbers.shape(), std::move(rounded));
}
