// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The mixtures of types that llama-quantize makes, as
// share/llama-quantize.txt lists them.

#ifndef QUERN_WEIGHTS_GGUFMIXTURES_H
#define QUERN_WEIGHTS_GGUFMIXTURES_H

#include "quern/Weights/GgmlTypes.h"

#include <optional>

namespace quern::weights {

/// What the rules ask of a model.
struct MixtureModel {
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;
  bool isTied = false; ///< the embedding is the output matrix
};

/// A line of a mixture.
struct MixtureRule {
  std::string weight;
  std::vector<std::string> conditions;
  const GgmlType *type = nullptr;
};

struct Mixture {
  std::string name; ///< "Q4_K_M"
  uint32_t fileType = 0;
  const GgmlType *type = nullptr; ///< where no rule fits
  std::vector<MixtureRule> rules;
};

/// The mixture called `name`, in any case of letters, or null.
const Mixture *findMixture(const std::string &name);
/// In the order of the file.
std::vector<std::string> mixtureNames();

/// The type of the matrix `tensor`, by its name in GGUF files, with rows of
/// `columns`.
const GgmlType *typeIn(const Mixture &mixture, const MixtureModel &model,
                       const std::string &tensor, int64_t columns);

/// What a file of which most weights are of this type says it is; nothing for
/// a type that llama.cpp has no name for.
std::optional<uint32_t> fileTypeOf(const std::string &type);

} // namespace quern::weights

#endif // QUERN_WEIGHTS_GGUFMIXTURES_H
