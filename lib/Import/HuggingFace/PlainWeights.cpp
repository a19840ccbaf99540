// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Checkpoints whose weights are numbers, whole tensors or rows of them.

#include "PlainWeights.h"

#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Import/Import.h"
#include "quern/Support/Text.h"
#include "quern/Weights/TensorView.h"

#include "mlir/IR/Builders.h"

#include <algorithm>
#include <cstring>

namespace quern::import {

using weights::TensorInfo;

std::string PlainWeights::tensorNameOf(const Weight &weight) const {
  const Stored &stored = weight.stored;
  if (!stored.stack)
    return stored.name;
  weights::TensorStack stack{stored.name, stored.stack};
  int64_t i = 0;
  while (i + 1 < stack.count && source.find(stack.name(i)))
    ++i;
  return stack.name(i);
}

Result<std::optional<BoundWeight>>
PlainWeights::bind(const Weight &weight, std::set<std::string> &used) const {
  const Stored &stored = weight.stored;
  if (stored.stack)
    return bindStack(weight, used);
  const TensorInfo *tensor = source.find(stored.name);
  if (!tensor)
    return std::optional<BoundWeight>();
  used.insert(stored.name);
  Result<BoundWeight> whole = bindNumbers(*tensor, stored.shape);
  if (!whole)
    return whole.status();
  if (!stored.isPart)
    return std::optional<BoundWeight>(*whole);
  auto type =
      mlir::RankedTensorType::get(weight.shape, whole->type.getElementType());
  auto view = param::ViewAttr::get(
      &context, mlir::cast<param::ExternalAttr>(whole->value), stored.first,
      stored.run, stored.stride, stored.transposed);
  return std::optional<BoundWeight>(BoundWeight{type, view});
}

Result<std::optional<BoundWeight>>
PlainWeights::bindStack(const Weight &weight,
                        std::set<std::string> &used) const {
  const Stored &stored = weight.stored;
  weights::TensorStack stack{stored.name, stored.stack};
  mlir::Type element;
  for (int64_t i = 0; i < stack.count; ++i) {
    const TensorInfo *tensor = source.find(stack.name(i));
    if (!tensor)
      return std::optional<BoundWeight>();
    used.insert(tensor->name);
    Result<BoundWeight> one = bindNumbers(*tensor, stored.shape);
    if (!one)
      return one.status();
    if (!element)
      element = one->type.getElementType();
  }
  mlir::Builder builder(&context);
  auto value =
      param::StackAttr::get(&context, builder.getStringAttr(modelScope),
                            builder.getStringAttr(stored.name), stored.stack);
  auto type = mlir::RankedTensorType::get(weight.shape, element);
  return std::optional<BoundWeight>(BoundWeight{type, value});
}

/// Checks the second copy of a tied output matrix, which some checkpoints hold.
static Status checkTiedCopy(const TensorInfo &table, const TensorInfo &copy) {
  if (copy.dtype == table.dtype && copy.shape == table.shape &&
      !std::memcmp(copy.bytes.data(), table.bytes.data(), copy.bytes.size()))
    return Status::ok();
  return weights::inTensor(
      copy, Status::error(StatusCode::InvalidFile,
                          "expects the values of " + inQuotes(table.name) +
                              " because tie_word_embeddings is true, but got "
                              "others"));
}

/// Rotary tables, masks and the like, which old checkpoints carry along.
static bool isHarmless(const Checkpoint &checkpoint, const std::string &name) {
  return std::any_of(checkpoint.ignored.begin(), checkpoint.ignored.end(),
                     [&](const std::string &end) {
                       return name.size() >= end.size() &&
                              name.compare(name.size() - end.size(), end.size(),
                                           end) == 0;
                     });
}

Result<bool> PlainWeights::mayIgnore(const TensorInfo &tensor) const {
  const Checkpoint &checkpoint = architecture.checkpoint;
  auto tensorOf = [&](const char *name) {
    return checkpoint.nameOf(name) + ".weight";
  };
  if (!architecture.tiedEmbedding || tensor.name != tensorOf(outputName))
    return isHarmless(checkpoint, tensor.name);
  const TensorInfo *table = source.find(tensorOf(embeddingName));
  if (Status same = checkTiedCopy(*table, tensor); !same)
    return same;
  return true;
}

} // namespace quern::import
