// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the metadata of all architectures share.

#include "../Limits.h"
#include "Families.h"
#include "quern/Numerics/RotaryFrequencies.h"
#include "quern/Support/Text.h"
#include "quern/Weights/GgufNames.h"

#include <cmath>

namespace quern::import {

/// Refuses what would change the function of the model.
static void refuseVariants(Facts &facts) {
  for (const char *key : {"expert_count", "attention.sliding_window"})
    if (int64_t count = facts.count(key, 0, contextLimit, 0))
      facts.fail(key, "expects 0 or none, but got " + std::to_string(count),
                 StatusCode::Unsupported);
}

static void readHeads(Facts &facts, Architecture &a) {
  a.heads = facts.sameForLayers("attention.head_count", 1, countLimit);
  a.kvHeads =
      facts.sameForLayers("attention.head_count_kv", 1, countLimit, a.heads);
  if (a.heads % a.kvHeads)
    facts.fail("attention.head_count",
               "expects a multiple of attention.head_count_kv, which is " +
                   std::to_string(a.kvHeads) + ", but got " +
                   std::to_string(a.heads));
  if (!facts.has("attention.key_length") && a.hidden % a.heads)
    facts.fail("embedding_length",
               "expects a multiple of attention.head_count, which is " +
                   std::to_string(a.heads) + ", but got " +
                   std::to_string(a.hidden));
  a.headDim = facts.count("attention.key_length", 1, countLimit,
                          std::max<int64_t>(1, a.hidden / a.heads));
  for (const char *key : {"attention.value_length", "rope.dimension_count"})
    if (int64_t width = facts.count(key, 1, countLimit, a.headDim);
        width != a.headDim)
      facts.fail(key,
                 "expects the width of a head, " + std::to_string(a.headDim) +
                     ", but got " + std::to_string(width),
                 StatusCode::Unsupported);
  if (a.headDim % 2)
    facts.fail("attention.head_count",
               "expects an even width of heads, because rope rotates pairs, "
               "but got " +
                   std::to_string(a.headDim));
  if (a.queryWidth() > widthLimit)
    facts.fail("attention.head_count",
               "expects heads that together are at most " +
                   std::to_string(widthLimit) + " wide, but got " +
                   std::to_string(a.queryWidth()));
}

/// Divides each frequency by a factor of its own, which converters compute from
/// the scaling of Llama 3.
static void applyFactors(GgufModel &model, std::vector<float> &frequencies) {
  const weights::TensorInfo *tensor =
      model.source.find(weights::ropeFactorsName);
  if (!tensor)
    return;
  std::vector<float> factors(frequencies.size());
  Status status = Status::ok();
  if (tensor->shape != std::vector<int64_t>{int64_t(factors.size())})
    status = weights::inTensor(
        *tensor,
        Status::error(StatusCode::InvalidFile,
                      "expects shape [" + std::to_string(factors.size()) +
                          "], a factor for each pair of columns of a "
                          "head, but got " +
                          shapeText(tensor->shape)));
  else
    status = weights::readRowsAsFloat(model.source, weights::ropeFactorsName, 0,
                                      1, factors);
  if (!status)
    return model.facts.fail("rope", status.message());
  for (size_t i = 0; i < factors.size(); ++i) {
    if (!(factors[i] >= 1e-6f && factors[i] <= float(ropeFactorLimit)))
      return model.facts.fail(
          "rope", std::string(weights::ropeFactorsName) +
                      ": expects factors from 1e-06 to 1e+06, but got " +
                      std::to_string(factors[i]) + " for pair " +
                      std::to_string(i));
    frequencies[i] /= factors[i];
  }
}

static void readRope(GgufModel &model, Architecture &a) {
  Facts &facts = model.facts;
  double base = facts.real("rope.freq_base", 1, ropeBaseLimit, 10000);
  a.ropeBase = base;
  a.rope.inverseFrequencies = numerics::plainFrequencies(base, a.headDim);
  std::string type = facts.string("rope.scaling.type", "none");
  double factor = facts.real("rope.scaling.factor", 1e-6, ropeFactorLimit, 1);
  if (type == "linear") {
    for (float &frequency : a.rope.inverseFrequencies)
      frequency /= float(factor);
  } else if (type != "none") {
    facts.fail("rope.scaling.type",
               "expects 'none' or 'linear', but got unsupported " +
                   inQuotes(type),
               StatusCode::Unsupported);
  }
  // Older than scaling.type, and what it says is linear.
  if (double scale = facts.real("rope.scale_linear", 1e-6, ropeFactorLimit, 1);
      scale != 1)
    facts.fail("rope.scale_linear",
               "expects 1; rope.scaling.type and "
               "rope.scaling.factor say more",
               StatusCode::Unsupported);
  applyFactors(model, a.rope.inverseFrequencies);
}

/// The vocabulary is said by its list, or where there is none by its size.
static int64_t readVocabulary(GgufModel &model) {
  Facts &facts = model.facts;
  if (!model.tokens)
    return facts.count("vocab_size", 1, widthLimit);
  int64_t size = facts.count("vocab_size", 1, widthLimit, model.tokens);
  if (size != model.tokens)
    facts.fail("vocab_size", "expects the number of tokens, " +
                                 std::to_string(model.tokens) + ", but got " +
                                 std::to_string(size));
  return size;
}

void readGgufDecoder(GgufModel &model, Architecture &a) {
  Facts &facts = model.facts;
  refuseVariants(facts);
  a.context = facts.count("context_length", 1, contextLimit);
  a.hidden = facts.count("embedding_length", 1, widthLimit);
  a.layers = facts.count("block_count", 1, countLimit);
  a.intermediate = facts.sameForLayers("feed_forward_length", 1, widthLimit);
  a.normEps = facts.real("attention.layer_norm_rms_epsilon", 1e-30, 1);
  a.vocabulary = readVocabulary(model);
  readHeads(facts, a);
  if (!facts.status())
    return; // what follows allocates by these numbers
  auto holds = [&](const char *name) {
    return model.source.find(name) != nullptr;
  };
  a.tiedEmbedding = !holds("output.weight");
  a.qkvBias = holds("blk.0.attn_q.bias");
  a.outputBias = holds("blk.0.attn_output.bias");
  a.mlpBias = holds("blk.0.ffn_gate.bias");
  a.windows.assign(a.layers, 0);
  a.attentionScale = 1 / std::sqrt(double(a.headDim));
  readRope(model, a);
}

} // namespace quern::import
