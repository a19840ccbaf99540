// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which weights an architecture has, their names, and where in a
// checkpoint they are stored.

#ifndef QUERN_LIB_IMPORT_WEIGHTNAMES_H
#define QUERN_LIB_IMPORT_WEIGHTNAMES_H

#include "Architecture.h"

#include <functional>
#include <string>
#include <vector>

namespace quern::import {

constexpr const char *embeddingName = "model.embed_tokens";
constexpr const char *positionsName = "model.embed_positions";
constexpr const char *finalNormName = "model.norm";
constexpr const char *outputName = "lm_head";
/// Of a layer with postNorms.
constexpr const char *attentionPostNorm = "post_attention_layernorm";
constexpr const char *feedForwardPostNorm = "post_feedforward_layernorm";
/// The norm before a layer's feed-forward part: with postNorms, the name that
/// it has elsewhere is that of the norm behind attention.
const char *feedForwardNorm(const Architecture &architecture);

/// The name of a tensor of one layer: `model.layers.3.` and `suffix`.
std::string layerTensor(int64_t layer, const std::string &suffix);

/// A tensor of a checkpoint, and which of its rows: row i of the weight is row
/// first + i / run * stride + i % run, after transposing if that is said.
struct Stored {
  std::string name;
  std::vector<int64_t> shape;
  int64_t first = 0;
  int64_t run = 0;
  int64_t stride = 0;
  bool transposed = false;
  bool isPart = false; ///< else the weight is the whole tensor as it lies
  /// If not 0, so many tensors of `shape` lie one below the other: their names
  /// have a number in place of a star.
  int64_t stack = 0;
};

struct Weight {
  std::string name;
  std::vector<int64_t> shape;
  Stored stored;
};

/// Calls `visit` with every weight of the model, in the order of their use,
/// until `visit` returns false.
void forEachWeight(const Architecture &architecture,
                   const std::function<bool(const Weight &weight)> &visit);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_WEIGHTNAMES_H
