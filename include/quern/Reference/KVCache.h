// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The keys and values that attention looks back at.

#ifndef QUERN_REFERENCE_KVCACHE_H
#define QUERN_REFERENCE_KVCACHE_H

#include "quern/Reference/Tensor.h"

namespace quern::reference {

/// Keys and values of every layer, one row of [heads * headDim] a token. The
/// key and the value of each head are coded on their own, and held as the
/// numbers that their codes stand for.
class KVCache {
public:
  /// The blocks of `format` must divide a row [1, headDim].
  KVCache(int64_t layers, int64_t heads, int64_t headDim,
          numerics::Format format);

  int64_t layers() const { return int64_t(keys.size()); }
  int64_t heads() const { return headCount; }
  int64_t headDim() const { return headWidth; }
  const numerics::Format &format() const { return rowFormat; }
  /// Tokens held by `layer`.
  int64_t length(int64_t layer) const;

  /// Stores the rows of `k` and `v` as tokens position, position + 1, … of
  /// `layer`; what was held from `position` on is forgotten. Fails if that
  /// leaves a gap, if the layer or the widths do not fit, or if there are
  /// numbers that cannot be coded.
  Status append(int64_t layer, int64_t position, const Tensor &k,
                const Tensor &v);

  /// Key or value of head `head` of token `token`: headDim() numbers.
  const float *key(int64_t layer, int64_t token, int64_t head) const;
  const float *value(int64_t layer, int64_t token, int64_t head) const;

private:
  int64_t width() const { return headCount * headWidth; }

  int64_t headCount;
  int64_t headWidth;
  numerics::Format rowFormat;
  std::vector<std::vector<float>> keys;   ///< [layer][token * width()]
  std::vector<std::vector<float>> values; ///< as `keys`
};

/// How the products of a query with keys become weights.
struct ScoreRule {
  double scale = 1;
  int64_t window = 0; ///< tokens seen, the query's own included; 0: all
  double softcap = 0; ///< 0: none
};

/// Causal attention of the queries `q` [tokens, query heads * headDim], the
/// first of which is token `position`, over what `cache` holds for `layer`.
/// Query head h reads key head h / (query heads / cache.heads()). Token p sees
/// the tokens j <= p, and if there is a window only those with p - j < window.
/// Weights are the softmax of scale * q . k, soft-capped if there is a cap.
Result<Tensor> attention(const Tensor &q, const KVCache &cache, int64_t layer,
                         int64_t position, const ScoreRule &rule);

} // namespace quern::reference

#endif // QUERN_REFERENCE_KVCACHE_H
