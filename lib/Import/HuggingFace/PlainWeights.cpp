// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Checkpoints whose weights are numbers under the names of the model.

#include "PlainWeights.h"

#include "../WeightNames.h"
#include "quern/Support/Text.h"

#include <cstring>

namespace quern::import {

using weights::TensorInfo;

Result<std::optional<BoundWeight>>
PlainWeights::bind(const std::string &name, const std::vector<int64_t> &shape,
                   std::set<std::string> &used) const {
  const TensorInfo *tensor = source.find(name);
  if (!tensor)
    return std::optional<BoundWeight>();
  used.insert(name);
  Result<BoundWeight> weight = bindNumbers(*tensor, shape);
  if (!weight)
    return weight.status();
  return std::optional<BoundWeight>(*weight);
}

/// Checks the second copy of a tied output matrix, which some checkpoints hold.
static Status checkTiedCopy(const TensorInfo &table, const TensorInfo &copy) {
  if (copy.dtype == table.dtype && copy.shape == table.shape &&
      !std::memcmp(copy.bytes.data(), table.bytes.data(), copy.bytes.size()))
    return Status::ok();
  return weights::inTensor(
      copy, Status::error(StatusCode::InvalidFile,
                          "expects the values of " + inQuotes(embeddingName) +
                              " because tie_word_embeddings is true, but got "
                              "others"));
}

/// Rotary tables that old checkpoints carry along; they follow from the
/// configuration.
static bool isRotaryTable(const std::string &name) {
  const std::string suffix = ".rotary_emb.inv_freq";
  return name.size() >= suffix.size() &&
         name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

Result<bool> PlainWeights::mayIgnore(const TensorInfo &tensor) const {
  if (!architecture.tiedEmbedding || tensor.name != outputName)
    return isRotaryTable(tensor.name);
  if (Status same = checkTiedCopy(*source.find(embeddingName), tensor); !same)
    return same;
  return true;
}

} // namespace quern::import
