// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which weights an architecture has, their names, and where in a
// checkpoint they are stored.

#include "WeightNames.h"

#include <algorithm>

namespace quern::import {

namespace {
/// A weight of the model or of one layer.
struct Expected {
  std::string name; ///< without the layer, and without `kind`
  std::string kind; ///< `.weight` or `.bias`
  std::vector<int64_t> shape;
  bool isLinear = false;
  int64_t stack = 0; ///< tensors that it is stored as; 0: one
};

/// The weights of a layer.
class LayerWeights {
public:
  LayerWeights(const Architecture &architecture, bool hasExperts);

  std::vector<Expected> list;

private:
  void addNorm(const Architecture &a, const char *name, int64_t width) {
    list.push_back({name, ".weight", {width}});
    if (a.layerNorms)
      list.push_back({name, ".bias", {width}});
  }
  void addLinear(const char *name, int64_t rows, int64_t columns, bool bias) {
    list.push_back({name, ".weight", {rows, columns}, true});
    if (bias)
      list.push_back({name, ".bias", {rows}});
  }
  void addAttention(const Architecture &a);
  void addFeedForward(const Architecture &a);
  void addExperts(const Architecture &a);
};
} // namespace

std::string layerTensor(int64_t layer, const std::string &suffix) {
  return "model.layers." + std::to_string(layer) + "." + suffix;
}

const char *feedForwardNorm(const Architecture &a) {
  return a.postNorms ? "pre_feedforward_layernorm" : "post_attention_layernorm";
}

void LayerWeights::addAttention(const Architecture &a) {
  addNorm(a, "input_layernorm", a.hidden);
  addLinear("self_attn.q_proj", a.queryWidth(), a.hidden, a.qkvBias);
  addLinear("self_attn.k_proj", a.keyWidth(), a.hidden, a.qkvBias);
  addLinear("self_attn.v_proj", a.keyWidth(), a.hidden, a.qkvBias);
  if (a.queryKeyNorm) {
    addNorm(a, "self_attn.q_norm", a.headDim);
    addNorm(a, "self_attn.k_norm", a.headDim);
  }
  addLinear("self_attn.o_proj", a.hidden, a.queryWidth(), a.outputBias);
  if (a.postNorms)
    addNorm(a, attentionPostNorm, a.hidden);
}

void LayerWeights::addExperts(const Architecture &a) {
  const Experts &e = a.experts;
  addLinear("mlp.gate", e.count, a.hidden, /*bias=*/false);
  auto add = [&](const char *name, int64_t rows, int64_t columns) {
    list.push_back({name, ".weight", {e.count * rows, columns}, true, e.count});
  };
  add("mlp.experts.gate_proj", e.intermediate, a.hidden);
  add("mlp.experts.up_proj", e.intermediate, a.hidden);
  add("mlp.experts.down_proj", a.hidden, e.intermediate);
}

void LayerWeights::addFeedForward(const Architecture &a) {
  if (a.gatedFeedForward)
    addLinear("mlp.gate_proj", a.intermediate, a.hidden, a.mlpBias);
  addLinear("mlp.up_proj", a.intermediate, a.hidden, a.mlpBias);
  addLinear("mlp.down_proj", a.hidden, a.intermediate, a.mlpBias);
}

LayerWeights::LayerWeights(const Architecture &a, bool hasExperts) {
  addAttention(a);
  addNorm(a, feedForwardNorm(a), a.hidden);
  if (hasExperts)
    addExperts(a);
  else
    addFeedForward(a);
  if (a.postNorms)
    addNorm(a, feedForwardPostNorm, a.hidden);
}

//===----------------------------------------------------------------------===//
// Where they are stored
//===----------------------------------------------------------------------===//

/// The rows that `weight` has of the fused tensor that it is a part of, if any.
static void findPart(const Checkpoint &checkpoint,
                     const std::vector<Expected> &layer, const Expected &weight,
                     Stored &stored) {
  auto rowsOf = [&](const std::string &part) {
    for (const Expected &other : layer)
      if (other.name == part && other.kind == weight.kind)
        return other.shape.front();
    return int64_t(0);
  };
  for (const FusedTensor &fused : checkpoint.fused) {
    auto part = std::find(fused.parts.begin(), fused.parts.end(), weight.name);
    if (part == fused.parts.end())
      continue;
    int64_t total = 0;
    for (auto other = fused.parts.begin(); other != fused.parts.end();
         ++other) {
      if (other < part)
        stored.first += rowsOf(*other) / fused.runs;
      total += rowsOf(*other);
    }
    stored.name = fused.name;
    stored.run = weight.shape.front() / fused.runs;
    stored.stride = total / fused.runs;
    stored.shape.front() = total;
    stored.isPart = true;
  }
}

/// Where `weight` is, `prefix` standing before the names of its layer.
static Stored locate(const Checkpoint &checkpoint,
                     const std::vector<Expected> &layer, const Expected &weight,
                     const std::string &prefix) {
  Stored stored;
  stored.name = weight.name;
  stored.shape = weight.shape;
  stored.run = stored.stride = weight.shape.front();
  findPart(checkpoint, layer, weight, stored);
  stored.name = prefix + checkpoint.nameOf(stored.name) + weight.kind;
  if (weight.stack) {
    stored.stack = weight.stack;
    stored.shape.front() /= weight.stack;
  }
  if (checkpoint.transposedLinears && weight.isLinear) {
    std::swap(stored.shape[0], stored.shape[1]);
    stored.transposed = stored.isPart = true;
  }
  return stored;
}

void forEachWeight(const Architecture &a,
                   const std::function<bool(const Weight &weight)> &visit) {
  auto visitGlobal = [&](const char *name, std::vector<int64_t> shape,
                         const char *kind = ".weight") {
    Expected weight = {name, kind, std::move(shape)};
    return visit({weight.name + weight.kind, weight.shape,
                  locate(a.checkpoint, {}, weight, "")});
  };
  if (!visitGlobal(embeddingName, {a.vocabulary, a.hidden}))
    return;
  if (a.learnedPositions &&
      !visitGlobal(positionsName, {a.learnedPositions, a.hidden}))
    return;
  const std::vector<Expected> dense = LayerWeights(a, false).list;
  const std::vector<Expected> expert = LayerWeights(a, true).list;
  for (int64_t layer = 0; layer < a.layers; ++layer) {
    std::string prefix = a.checkpoint.layers + std::to_string(layer) + ".";
    const std::vector<Expected> &weights = a.hasExperts(layer) ? expert : dense;
    for (const Expected &weight : weights)
      if (!visit({layerTensor(layer, weight.name) + weight.kind, weight.shape,
                  locate(a.checkpoint, weights, weight, prefix)}))
        return;
  }
  if (!visitGlobal(finalNormName, {a.hidden}) ||
      (a.layerNorms && !visitGlobal(finalNormName, {a.hidden}, ".bias")))
    return;
  if (!a.tiedEmbedding)
    visitGlobal(outputName, {a.vocabulary, a.hidden});
}

} // namespace quern::import
