// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the metadata of all architectures share.

#include "../Limits.h"
#include "Families.h"

#include <algorithm>

namespace quern::import {

/// Refuses what would change the function of the model.
static void refuseVariants(GgufModel &model) {
  Facts &facts = model.facts;
  std::vector<const char *> keys = {"expert_shared_count"};
  if (!model.kind.hasExperts)
    keys.push_back("expert_count");
  if (model.kind.windows == weights::WindowSupport::None)
    keys.push_back("attention.sliding_window");
  for (const char *key : keys)
    if (int64_t count = facts.count(key, 0, contextLimit, 0))
      facts.fail(key, "expects 0 or none, but got " + std::to_string(count),
                 StatusCode::Unsupported);
  double scale = facts.real("expert_weights_scale", 0, 1e6, 1);
  if (scale != 0 && scale != 1)
    facts.fail("expert_weights_scale",
               "expects 1 or none, but got " + std::to_string(scale),
               StatusCode::Unsupported);
}

/// llama.cpp makes the shares of a token's experts add up to one.
static void readExperts(Facts &facts, Architecture &a) {
  Experts &experts = a.experts;
  experts.count = facts.count("expert_count", 1, countLimit);
  experts.perToken = facts.count("expert_used_count", 1, experts.count);
  int64_t silent =
      a.family == "mixtral"
          ? a.intermediate
          : std::max<int64_t>(1, a.intermediate / experts.perToken);
  experts.intermediate =
      facts.sameForLayers("expert_feed_forward_length", 1, widthLimit, silent);
  experts.normalized = true;
  experts.layers.assign(a.layers, true);
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
  const char *key = "attention.value_length";
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
  refuseVariants(model);
  a.context = facts.count("context_length", 1, contextLimit);
  a.hidden = facts.count("embedding_length", 1, widthLimit);
  a.layers = facts.count("block_count", 1, countLimit);
  a.intermediate = facts.sameForLayers("feed_forward_length", 1, widthLimit);
  a.normEps = facts.real("attention.layer_norm_rms_epsilon", 1e-30, 1);
  a.vocabulary = readVocabulary(model);
  readHeads(facts, a);
  a.contextSource = "context_length";
  if (!facts.status())
    return; // what follows allocates by these numbers
  auto holds = [&](const char *name) {
    return model.source.find(name) != nullptr;
  };
  a.tiedEmbedding = !holds("output.weight");
  a.qkvBias = holds("blk.0.attn_q.bias");
  a.outputBias = holds("blk.0.attn_output.bias");
  a.mlpBias = holds("blk.0.ffn_gate.bias");
  if (model.kind.hasExperts)
    readExperts(facts, a);
}

} // namespace quern::import
