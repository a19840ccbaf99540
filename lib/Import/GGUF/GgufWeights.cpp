// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The weights of a model in a GGUF file, with their encodings.

#include "GgufWeights.h"

#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Import/Import.h"
#include "quern/Numerics/LayoutEdits.h"
#include "quern/Support/Text.h"
#include "quern/Weights/GgufNames.h"

#include "mlir/IR/Builders.h"

using namespace quern;
using namespace quern::import;
using numerics::Format;
using numerics::FormatRegistry;
using numerics::Layout;
using weights::TensorInfo;

static bool endsWith(const std::string &text, const std::string &end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string GgufWeights::tensorNameOf(const Weight &weight) const {
  return weights::ggufNameOf(kind, weight.name);
}

Result<GgufWeights::Coded>
GgufWeights::codedOf(const TensorInfo &tensor,
                     std::set<std::string> &used) const {
  const Format *format = FormatRegistry::builtin().lookup(tensor.encoding);
  const Layout *layout = numerics::lookupLayout(tensor.encoding);
  if (!format || !layout)
    return weights::inTensor(
        tensor, Status::error(StatusCode::Unsupported,
                              "expects a type whose format is known, but got " +
                                  tensor.typeText()));
  Coded coded{*format, *layout, {tensor.name}};
  if (layout->segments.size() == 1)
    return coded;
  std::string factor = weights::ggufCompanionOf(tensor.name, ".scale");
  if (!source.find(factor)) {
    // A factor of the whole tensor is left out where it is one.
    numerics::leaveOutTensorScale(coded.format, coded.layout);
    return coded;
  }
  used.insert(factor);
  coded.tensors.push_back(factor);
  return coded;
}

/// The layout of numbers, one row after another.
static Layout plainLayout(const Format &format,
                          const std::vector<int64_t> &shape) {
  int64_t rows = shape.size() == 2 ? shape[0] : 1;
  return numerics::makeDenseLayout(format, rows, shape.back());
}

/// The shape of the tensor that `weight` is, or is some rows of. Matrices of
/// experts lie one behind the other, in a tensor of three extents.
static std::vector<int64_t> tensorShapeOf(const Weight &weight) {
  std::vector<int64_t> shape = weight.stored.shape;
  if (weight.stored.stack)
    shape.insert(shape.begin(), weight.stored.stack);
  return shape;
}

/// A weight of plain numbers that llama.cpp has as they are in the model.
Result<BoundWeight> GgufWeights::bindPlain(const Weight &weight,
                                           const TensorInfo &tensor) const {
  Result<BoundWeight> numbers = bindNumbers(tensor, tensorShapeOf(weight));
  if (!numbers || (!weight.stored.isPart && !weight.stored.stack))
    return numbers;
  int64_t rows = weight.shape.front();
  auto view = param::ViewAttr::get(
      &context, mlir::cast<param::ExternalAttr>(numbers->value),
      weight.stored.first, rows, rows, /*transposed=*/false);
  return BoundWeight{
      mlir::RankedTensorType::get(weight.shape, numbers->type.getElementType()),
      view};
}

Result<BoundWeight> GgufWeights::bindWhole(const Weight &weight,
                                           const TensorInfo &tensor,
                                           std::set<std::string> &used) const {
  const std::vector<int64_t> &shape = weight.shape;
  bool isPaired = weights::hasPairedRows(kind, weight.name);
  if (tensor.encoding.empty() && !isPaired)
    return bindPlain(weight, tensor);

  mlir::FloatType element = mlir::Float32Type::get(&context);
  Coded coded;
  if (tensor.encoding.empty()) {
    Result<BoundWeight> plain = bindNumbers(tensor, shape); // checks the type
    if (!plain)
      return plain.status();
    element = floatTypeOf(context, tensor.dtype);
    coded.format = *qt::formatOf(plain->type);
    coded.layout = plainLayout(coded.format, shape);
    coded.tensors = {tensor.name};
  } else {
    Result<Coded> found = codedOf(tensor, used);
    if (!found)
      return found.status();
    coded = std::move(*found);
  }
  if (isPaired)
    numerics::pairHalves(coded.layout, shape, architecture.headDim);

  std::vector<mlir::Attribute> tensors;
  for (const std::string &key : coded.tensors)
    tensors.push_back(param::ExternalAttr::get(&context, modelScope, key));
  const Stored &stored = weight.stored;
  qk::RowsAttr rows; // null: all
  if (stored.isPart)
    rows = qk::RowsAttr::get(&context, stored.shape.front(), /*matrices=*/1,
                             stored.first, stored.run, stored.stride);
  auto format = qt::FormatAttr::get(&context, coded.format);
  auto layout = qk::LayoutAttr::get(&context, coded.layout);
  auto value = qk::StoredAttr::get(&context, tensors, format, layout, rows);
  // Vectors have no encoding: they are numbers, whatever the file holds.
  bool isCoded = !tensor.encoding.empty() && shape.size() == 2;
  mlir::Attribute encoding = isCoded ? mlir::Attribute(format) : nullptr;
  return BoundWeight{mlir::RankedTensorType::get(shape, element, encoding),
                     value};
}

Result<std::optional<BoundWeight>>
GgufWeights::bind(const Weight &weight, std::set<std::string> &used) const {
  const TensorInfo *tensor = source.find(tensorNameOf(weight));
  if (!tensor)
    return std::optional<BoundWeight>();
  used.insert(tensor->name);
  if (Status status = checkTensorShape(*tensor, tensorShapeOf(weight)); !status)
    return status;
  Result<BoundWeight> bound = bindWhole(weight, *tensor, used);
  if (!bound)
    return bound.status();
  if (kind.addsOneToNorms && endsWith(weight.name, "norm.weight")) {
    mlir::Builder builder(&context);
    bound->value = param::SumAttr::get(&context, bound->value,
                                       builder.getF32FloatAttr(-1));
  }
  return std::optional<BoundWeight>(*bound);
}

Result<bool> GgufWeights::mayIgnore(const TensorInfo &tensor) const {
  // Scales of activations say nothing of weights.
  return (kind.ropeFactors && tensor.name == kind.ropeFactors) ||
         tensor.name == weights::longRopeFactorsName ||
         endsWith(tensor.name, ".input_scale");
}
