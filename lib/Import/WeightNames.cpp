// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which tensors an architecture has, and their names in Hugging Face
// checkpoints.

#include "WeightNames.h"

namespace quern::import {

namespace {
struct Expected {
  std::string name;
  std::vector<int64_t> shape;
};
} // namespace

std::string layerTensor(int64_t layer, const std::string &suffix) {
  return "model.layers." + std::to_string(layer) + "." + suffix;
}

const char *feedForwardNorm(const Architecture &a) {
  return a.postNorms ? "pre_feedforward_layernorm.weight"
                     : "post_attention_layernorm.weight";
}

static std::vector<Expected> layerTensors(const Architecture &a,
                                          int64_t layer) {
  std::vector<Expected> tensors;
  auto add = [&](const std::string &suffix, std::vector<int64_t> shape) {
    tensors.push_back({layerTensor(layer, suffix), std::move(shape)});
  };
  auto addLinear = [&](const std::string &name, int64_t rows, int64_t columns,
                       bool bias) {
    add(name + ".weight", {rows, columns});
    if (bias)
      add(name + ".bias", {rows});
  };
  add("input_layernorm.weight", {a.hidden});
  addLinear("self_attn.q_proj", a.queryWidth(), a.hidden, a.qkvBias);
  addLinear("self_attn.k_proj", a.keyWidth(), a.hidden, a.qkvBias);
  addLinear("self_attn.v_proj", a.keyWidth(), a.hidden, a.qkvBias);
  if (a.queryKeyNorm) {
    add("self_attn.q_norm.weight", {a.headDim});
    add("self_attn.k_norm.weight", {a.headDim});
  }
  addLinear("self_attn.o_proj", a.hidden, a.queryWidth(), a.outputBias);
  if (a.postNorms)
    add(attentionPostNorm, {a.hidden});
  add(feedForwardNorm(a), {a.hidden});
  addLinear("mlp.gate_proj", a.intermediate, a.hidden, a.mlpBias);
  addLinear("mlp.up_proj", a.intermediate, a.hidden, a.mlpBias);
  addLinear("mlp.down_proj", a.hidden, a.intermediate, a.mlpBias);
  if (a.postNorms)
    add(feedForwardPostNorm, {a.hidden});
  return tensors;
}

void forEachTensor(
    const Architecture &a,
    const std::function<bool(const std::string &name,
                             const std::vector<int64_t> &shape)> &visit) {
  if (!visit(embeddingName, {a.vocabulary, a.hidden}))
    return;
  for (int64_t layer = 0; layer < a.layers; ++layer)
    for (const Expected &tensor : layerTensors(a, layer))
      if (!visit(tensor.name, tensor.shape))
        return;
  if (visit(finalNormName, {a.hidden}) && !a.tiedEmbedding)
    visit(outputName, {a.vocabulary, a.hidden});
}

} // namespace quern::import
