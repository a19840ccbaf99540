// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Whether a checkpoint holds the tensors of its architecture.

#include "CheckTensors.h"

#include "WeightNames.h"
#include "quern/Support/Text.h"

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
                            const TensorInfo &copy) {
  const TensorInfo *table = source.find(embeddingName);
  if (copy.dtype == table->dtype && copy.shape == table->shape &&
      !std::memcmp(copy.bytes.data(), table->bytes.data(), copy.bytes.size()))
    return Status::ok();
  return weights::inTensor(
      copy, invalid("expects the values of " + inQuotes(embeddingName) +
                    " because tie_word_embeddings is true, but got others"));
}

/// Rotary tables that old checkpoints carry along; they follow from the
/// configuration.
static bool isHarmless(const std::string &name) {
  const std::string suffix = ".rotary_emb.inv_freq";
  return name.size() >= suffix.size() &&
         name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

Status checkTensors(const Architecture &architecture,
                    const WeightSource &source) {
  std::unordered_set<std::string> known;
  NameList missing;
  Status status;
  forEachTensor(architecture, [&](const std::string &name,
                                  const std::vector<int64_t> &shape) {
    const TensorInfo *tensor = source.find(name);
    if (!tensor) {
      missing.add(name);
      return true;
    }
    known.insert(name);
    status = checkTensor(*tensor, shape);
    return status.isOk();
  });
  if (!status)
    return status;
  if (!missing.empty())
    return invalid(source.path() + ": missing tensors: " + missing.str());

  NameList unknown;
  for (const TensorInfo &tensor : source.tensors()) {
    if (known.count(tensor.name) || isHarmless(tensor.name))
      continue;
    if (architecture.tiedEmbedding && tensor.name == outputName) {
      if (Status same = checkTiedCopy(source, tensor); !same)
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
