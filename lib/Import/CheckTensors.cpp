// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Whether a checkpoint holds the tensors of its architecture.

#include "CheckTensors.h"

#include "WeightNames.h"
#include "quern/Support/Text.h"
#include "quern/Weights/TensorView.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace quern::import {

using weights::DType;
using weights::TensorInfo;
using weights::WeightSource;

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

namespace {
/// The first few of many names.
class NameList {
public:
  void add(const std::string &name) {
    if (++count <= shown)
      text += (count > 1 ? ", " : "") + inQuotes(name);
  }
  bool empty() const { return count == 0; }
  std::string str() const {
    return count <= shown
               ? text
               : text + " and " + std::to_string(count - shown) + " more";
  }

private:
  static constexpr size_t shown = 8;
  size_t count = 0;
  std::string text;
};
} // namespace

static Status checkTensor(const TensorInfo &tensor,
                          const std::vector<int64_t> &shape) {
  if (tensor.shape != shape)
    return weights::inTensor(tensor,
                             invalid("expects shape " + shapeText(shape) +
                                     ", but got " + shapeText(tensor.shape)));
  if (tensor.dtype != DType::F32 && tensor.dtype != DType::F16 &&
      tensor.dtype != DType::BF16)
    return weights::inTensor(
        tensor,
        Status::error(
            StatusCode::Unsupported,
            std::string("expects element type F32, F16 or BF16, but got ") +
                weights::dtypeName(tensor.dtype)));
  return Status::ok();
}

/// Checks the second copy of a tied output matrix, which some checkpoints hold.
static Status checkTiedCopy(const WeightSource &source,
                            const std::string &embedding,
                            const TensorInfo &copy) {
  const TensorInfo *table = source.find(embedding);
  if (copy.dtype == table->dtype && copy.shape == table->shape &&
      !std::memcmp(copy.bytes.data(), table->bytes.data(), copy.bytes.size()))
    return Status::ok();
  return weights::inTensor(
      copy, invalid("expects the values of " + inQuotes(embedding) +
                    " because tie_word_embeddings is true, but got others"));
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

Status checkTensors(const Architecture &architecture,
                    const WeightSource &source) {
  std::unordered_set<std::string> known;
  NameList missing;
  Status status;
  std::string embedding;
  forEachWeight(architecture, [&](const Weight &weight) {
    const Stored &stored = weight.stored;
    if (embedding.empty()) // the first weight
      embedding = stored.name;
    int64_t count = std::max<int64_t>(1, stored.stack);
    weights::TensorStack stack{stored.name, count};
    for (int64_t i = 0; i < count && status.isOk(); ++i) {
      if (!known.insert(stack.name(i)).second)
        continue; // another part of the same tensor
      if (const TensorInfo *tensor = source.find(stack.name(i)))
        status = checkTensor(*tensor, stored.shape);
      else
        missing.add(stack.name(i));
    }
    return status.isOk();
  });
  if (!status)
    return status;
  if (!missing.empty())
    return invalid(source.path() + ": missing tensors: " + missing.str());

  const Checkpoint &checkpoint = architecture.checkpoint;
  NameList unknown;
  for (const TensorInfo &tensor : source.tensors()) {
    if (known.count(tensor.name) || isHarmless(checkpoint, tensor.name))
      continue;
    if (architecture.tiedEmbedding &&
        tensor.name == checkpoint.nameOf(outputName) + ".weight") {
      if (Status same = checkTiedCopy(source, embedding, tensor); !same)
        return same;
      continue;
    }
    unknown.add(tensor.name);
  }
  if (!unknown.empty())
    return invalid(source.path() + ": expects only tensors of a " +
                   architecture.family + " model with " +
                   std::to_string(architecture.layers) +
                   " layers, but got unknown tensors: " + unknown.str());
  return Status::ok();
}

} // namespace quern::import
