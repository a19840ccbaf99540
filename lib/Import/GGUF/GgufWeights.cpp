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
  return weights::ggufNameOf(weight.name);
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

Result<std::optional<BoundWeight>>
GgufWeights::bind(const Weight &weight, std::set<std::string> &used) const {
  const std::vector<int64_t> &shape = weight.shape;
  const TensorInfo *tensor = source.find(tensorNameOf(weight));
  if (!tensor)
    return std::optional<BoundWeight>();
  used.insert(tensor->name);
  if (Status status = checkTensorShape(*tensor, shape); !status)
    return status;
  bool isPaired = weights::hasPairedRows(family.name, weight.name);
  if (tensor->encoding.empty() && !isPaired) {
    Result<BoundWeight> numbers = bindNumbers(*tensor, shape);
    if (!numbers)
      return numbers.status();
    return std::optional<BoundWeight>(*numbers);
  }

  mlir::FloatType element = mlir::Float32Type::get(&context);
  Coded coded;
  if (tensor->encoding.empty()) {
    Result<BoundWeight> plain = bindNumbers(*tensor, shape); // checks the type
    if (!plain)
      return plain.status();
    element = floatTypeOf(context, tensor->dtype);
    coded.format = *qt::formatOf(plain->type);
    coded.layout = plainLayout(coded.format, shape);
    coded.tensors = {tensor->name};
  } else {
    Result<Coded> found = codedOf(*tensor, used);
    if (!found)
      return found.status();
    coded = std::move(*found);
  }
  if (isPaired)
    numerics::pairHalves(coded.layout, shape, architecture.headDim);

  std::vector<mlir::Attribute> tensors;
  for (const std::string &key : coded.tensors)
    tensors.push_back(param::ExternalAttr::get(&context, modelScope, key));
  auto format = qt::FormatAttr::get(&context, coded.format);
  auto value = qk::StoredAttr::get(&context, tensors, format,
                                   qk::LayoutAttr::get(&context, coded.layout));
  // Vectors have no encoding: they are numbers, whatever the file holds.
  bool isCoded = !tensor->encoding.empty() && shape.size() == 2;
  mlir::Attribute encoding = isCoded ? mlir::Attribute(format) : nullptr;
  return std::optional<BoundWeight>(BoundWeight{
      mlir::RankedTensorType::get(shape, element, encoding), value});
}

Result<bool> GgufWeights::mayIgnore(const TensorInfo &tensor) const {
  // Scales of activations say nothing of weights.
  return tensor.name == weights::ropeFactorsName ||
         endsWith(tensor.name, ".input_scale");
}
