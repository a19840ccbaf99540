// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What GGUF files call models and their tensors. Readers and writers of
// such files know architectures from here only.

#ifndef QUERN_WEIGHTS_GGUFNAMES_H
#define QUERN_WEIGHTS_GGUFNAMES_H

#include "quern/Base/Span.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quern::weights {

/// What llama.cpp computes for layers that a file gives a sliding window.
enum class WindowSupport {
  None,    ///< it has no key for it: all layers attend to everything
  Ignored, ///< files say it, and llama.cpp attends to everything all the same
  Pattern, ///< every so many layers, one attends to everything
};

/// A model as Hugging Face calls it, and how GGUF files hold it. Source:
/// llama.cpp, src/models and conversion.
struct GgufArchitecture {
  const char *modelType; ///< `model_type` of config.json
  const char *name;      ///< `general.architecture`
  /// Rows of queries and keys are in the order in which pairs of a rotation
  /// are neighbours. In checkpoints of Hugging Face they are half a head apart.
  bool hasPairedRows = false;
  /// The tensor of factors that rotary frequencies are divided by, or null.
  const char *ropeFactors = nullptr;
  WindowSupport windows = WindowSupport::None;
  /// With WindowSupport::Pattern, of how many layers the last attends to
  /// everything where a file does not say it.
  int64_t windowPattern = 0;
  /// Base of the rotary frequencies of layers with a window, where a file does
  /// not say it, if they have others than the rest; 0: they have the same.
  double windowRopeBase = 0;
  bool hasPostNorms = false; ///< norms behind attention and feed-forward, too
  /// Norms multiply by the weight; those of the checkpoint multiply by one more
  /// than it.
  bool addsOneToNorms = false;
  bool isFused = false;    ///< projections lie in one tensor each, as in Phi-3
  bool hasExperts = false; ///< in every layer
  /// llama.cpp computes the scale of attention from the shape of the model,
  /// and for a model of this many layers by another formula; 0: for none.
  int64_t layersOfOtherScale = 0;
};

/// All that are known. Of several with one name, the first is the plain one.
Span<const GgufArchitecture> ggufArchitectures();

/// The one of a `model_type`, or null.
const GgufArchitecture *findGgufArchitecture(const std::string &modelType);

/// Factors of rotary frequencies beyond the context that a model was first
/// trained for; nothing here reads them.
constexpr const char *longRopeFactorsName = "rope_factors_long.weight";

/// The name of weight `name` of the model, which is Hugging Face's, in a GGUF
/// file: `blk.3.attn_q.weight` of `model.layers.3.self_attn.q_proj.weight`. A
/// name that has none comes back as it is.
std::string ggufNameOf(const GgufArchitecture &architecture,
                       const std::string &name);

/// The weights of the model that lie in the same tensor as `name`, in the order
/// of their rows; mostly that alone.
std::vector<std::string> ggufPartsOf(const GgufArchitecture &architecture,
                                     const std::string &name);

/// `blk.0.attn_q.scale` of `blk.0.attn_q.weight`: the name of a tensor beside a
/// weight.
std::string ggufCompanionOf(const std::string &weight, const char *suffix);

/// Whether the rows of weight `name` of the model are paired.
bool hasPairedRows(const GgufArchitecture &architecture,
                   const std::string &name);

/// Whether weight `name` of the model holds a matrix for each expert.
bool isOfExperts(const std::string &name);

/// What llama.cpp multiplies the products of queries and keys by.
double ggufAttentionScale(const GgufArchitecture &architecture, int64_t layers,
                          int64_t hidden, int64_t heads, int64_t headDim);

} // namespace quern::weights

#endif // QUERN_WEIGHTS_GGUFNAMES_H
