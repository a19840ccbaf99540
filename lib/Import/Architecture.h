// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The numbers and choices that tell one decoder model from another.

#ifndef QUERN_LIB_IMPORT_ARCHITECTURE_H
#define QUERN_LIB_IMPORT_ARCHITECTURE_H

#include <cstdint>
#include <string>
#include <vector>

namespace quern::import {

/// A pre-norm decoder with rotary positions and a gated feed-forward part: the
/// Llama design and its relatives. Extents count elements.
struct Architecture {
  std::string family;
  int64_t vocabulary = 0;
  int64_t context = 0;
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  int64_t intermediate = 0;
  double normEps = 0;
  double ropeBase = 0;        ///< of the frequencies before they are scaled
  bool tiedEmbedding = false; ///< the output matrix is the embedding
  bool qkvBias = false;
  bool outputBias = false; ///< of the attention's output projection
  bool mlpBias = false;
  bool queryKeyNorm = false;    ///< each query and key head is normalised
  std::vector<int64_t> windows; ///< of each layer; 0: attends to everything
  std::vector<float> inverseFrequencies; ///< headDim / 2 of them

  int64_t queryWidth() const { return heads * headDim; }
  int64_t keyWidth() const { return kvHeads * headDim; }
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_ARCHITECTURE_H
