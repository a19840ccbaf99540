// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The numbers and choices that tell one decoder model from another.

#ifndef QUERN_LIB_IMPORT_ARCHITECTURE_H
#define QUERN_LIB_IMPORT_ARCHITECTURE_H

#include "Checkpoint.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quern::import {

/// Rotary positions of a head.
struct Rope {
  /// What a position adds to the angle of each pair of columns; none: there are
  /// no rotary positions.
  std::vector<float> inverseFrequencies;
  double magnitude = 1; ///< what turns is multiplied by it
};

/// Feed-forward parts of which each token chooses some.
struct Experts {
  int64_t count = 0; ///< 0: none
  int64_t perToken = 0;
  int64_t intermediate = 0;
  bool normalized = false;  ///< shares of the chosen ones add up to one
  std::vector<bool> layers; ///< whether a layer has them
};

/// A decoder: the Llama design, and what its relatives do in another way.
/// Extents count elements.
struct Architecture {
  std::string family;
  int64_t vocabulary = 0;
  int64_t context = 0;
  /// What of the configuration says how large `context` is.
  std::string contextSource = "max_position_embeddings";
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  int64_t intermediate = 0;
  bool layerNorms = false; ///< with biases, in place of norms by mean square
  double normEps = 0;
  double ropeBase = 0;         ///< of the frequencies before they are scaled
  double windowRopeBase = 0;   ///< the same of windowRope
  bool normUnitOffset = false; ///< norms multiply by 1 + weight
  bool postNorms = false;      ///< norms behind attention and feed-forward, too
  double embeddingScale = 1;   ///< of the input, not of a tied output
  int64_t learnedPositions = 0;    ///< rows that positions add to it; 0: none
  std::string activation = "silu"; ///< an #nn<activation>
  bool gatedFeedForward = true;    ///< up is multiplied by the activated gate
  bool parallelParts = false;      ///< feed-forward reads what attention reads
  Experts experts;                 ///< gated, without biases
  bool tiedEmbedding = false;      ///< the output matrix is the embedding
  bool qkvBias = false;
  bool outputBias = false; ///< of the attention's output projection
  bool mlpBias = false;
  bool queryKeyNorm = false;    ///< each query and key head is normalised
  std::vector<int64_t> windows; ///< of each layer; 0: attends to everything
  double attentionScale = 0;    ///< of the products of queries and keys
  double attentionSoftcap = 0;  ///< of scaled products; 0: none
  double logitSoftcap = 0;      ///< 0: none
  Rope rope;
  std::optional<Rope> windowRope; ///< of layers with a window, if another
  Checkpoint checkpoint;

  int64_t queryWidth() const { return heads * headDim; }
  int64_t keyWidth() const { return kvHeads * headDim; }
  bool hasExperts(int64_t layer) const {
    return experts.count > 0 && experts.layers[layer];
  }
  const Rope &ropeOf(int64_t layer) const {
    return windowRope && windows[layer] ? *windowRope : rope;
  }
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_ARCHITECTURE_H
