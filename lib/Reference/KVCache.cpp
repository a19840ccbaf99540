// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The KV cache and attention over it.

#include "quern/Reference/KVCache.h"
#include "Mismatch.h"
#include "quern/Numerics/EncodeTensor.h"
#include "quern/Reference/Math.h"
#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::reference;

KVCache::KVCache(int64_t layers, int64_t heads, int64_t headDim,
                 numerics::Format format)
    : headCount(heads), headWidth(headDim), rowFormat(std::move(format)),
      keys(size_t(layers)), values(size_t(layers)) {}

int64_t KVCache::length(int64_t layer) const {
  return int64_t(keys[size_t(layer)].size()) / width();
}

/// `rows`, one head after another, as their codes have them.
static Result<std::vector<float>> codedHeads(const numerics::Format &format,
                                             const Tensor &rows,
                                             int64_t headDim) {
  int64_t heads = rows.size() / headDim;
  if (heads == 0)
    return std::vector<float>();
  Result<numerics::CodedTensor> coded =
      numerics::encodeRows(format, rows.values(), heads, headDim);
  if (!coded)
    return coded.status();
  return numerics::decodeRows(format, *coded);
}

/// Makes `rows` the tokens of `held` from `position`, an index of numbers, on.
static void replaceTail(std::vector<float> &held, int64_t position,
                        const std::vector<float> &rows) {
  held.resize(size_t(position));
  held.insert(held.end(), rows.begin(), rows.end());
}

Status KVCache::append(int64_t layer, int64_t position, const Tensor &k,
                       const Tensor &v) {
  if (layer < 0 || layer >= layers())
    return mismatch("a layer below " + std::to_string(layers()),
                    std::to_string(layer));
  if (position < 0 || position > length(layer))
    return mismatch("a position of at most " + std::to_string(length(layer)) +
                        ", the tokens held",
                    std::to_string(position));
  if (!k.isReal() || k.shape() != v.shape() || k.cols() != width())
    return mismatch("keys and values with rows of " + std::to_string(width()),
                    k.shapeText() + " and " + v.shapeText());
  Result<std::vector<float>> codedKeys = codedHeads(rowFormat, k, headWidth);
  if (!codedKeys)
    return codedKeys.status().withContext("keys");
  Result<std::vector<float>> codedValues = codedHeads(rowFormat, v, headWidth);
  if (!codedValues)
    return codedValues.status().withContext("values");
  replaceTail(keys[size_t(layer)], position * width(), *codedKeys);
  replaceTail(values[size_t(layer)], position * width(), *codedValues);
  return Status::ok();
}

const float *KVCache::key(int64_t layer, int64_t token, int64_t head) const {
  return keys[size_t(layer)].data() + token * width() + head * headWidth;
}

const float *KVCache::value(int64_t layer, int64_t token, int64_t head) const {
  return values[size_t(layer)].data() + token * width() + head * headWidth;
}

/// Replaces scores by exp(score - max) / sum.
static void softmax(std::vector<double> &scores) {
  double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double &score : scores)
    sum += score = std::exp(score - largest);
  for (double &score : scores)
    score /= sum;
}

/// One head of one token, which sees the tokens [first, last].
static void attendHead(const KVCache &cache, int64_t layer, int64_t head,
                       int64_t first, int64_t last, const ScoreRule &rule,
                       const float *query, float *result) {
  std::vector<double> weights;
  for (int64_t token = first; token <= last; ++token) {
    const float *key = cache.key(layer, token, head);
    double dot = 0;
    for (int64_t i = 0; i < cache.headDim(); ++i)
      dot += double(query[i]) * key[i];
    double score = dot * rule.scale;
    weights.push_back(rule.softcap > 0 ? softcap(score, rule.softcap) : score);
  }
  softmax(weights);

  std::vector<double> sums(size_t(cache.headDim()));
  for (int64_t token = first; token <= last; ++token) {
    const float *value = cache.value(layer, token, head);
    for (int64_t i = 0; i < cache.headDim(); ++i)
      sums[size_t(i)] += weights[size_t(token - first)] * value[i];
  }
  std::copy(sums.begin(), sums.end(), result);
}

Result<Tensor> reference::attention(const Tensor &q, const KVCache &cache,
                                    int64_t layer, int64_t position,
                                    const ScoreRule &rule) {
  if (layer < 0 || layer >= cache.layers())
    return mismatch("a layer below " + std::to_string(cache.layers()),
                    std::to_string(layer));
  if (!q.isReal() || q.cols() % (cache.heads() * cache.headDim()) != 0)
    return mismatch("queries in a multiple of " +
                        std::to_string(cache.heads()) + " heads of " +
                        std::to_string(cache.headDim()),
                    "shape " + q.shapeText());
  if (position < 0 || position + q.rows() > cache.length(layer))
    return mismatch("a cache that holds " +
                        std::to_string(position + q.rows()) + " tokens",
                    std::to_string(cache.length(layer)));

  int64_t heads = q.cols() / cache.headDim();
  int64_t shared = heads / cache.heads();
  std::vector<float> result(q.values().size());
  for (int64_t t = 0; t < q.rows(); ++t) {
    int64_t last = position + t;
    int64_t first =
        rule.window ? std::max<int64_t>(0, last - rule.window + 1) : 0;
    for (int64_t head = 0; head < heads; ++head) {
      int64_t offset = t * q.cols() + head * cache.headDim();
      attendHead(cache, layer, head / shared, first, last, rule,
                 q.values().data() + offset, result.data() + offset);
    }
  }
  return Tensor::ofReals(q.shape(), std::move(result));
}
