// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the configurations of all families share.

#include "Families.h"
#include "quern/Support/Text.h"

#include <cmath>
#include <map>

namespace quern::import {

/// Fails unless `divisor`, the value of `divisorKey`, divides member `key`.
static void requireMultiple(Config &config, const std::string &key,
                            int64_t value, const std::string &divisorKey,
                            int64_t divisor) {
  if (value % divisor)
    config.fail(key, "expects a multiple of " + divisorKey + ", which is " +
                         std::to_string(divisor) + ", but got " +
                         std::to_string(value));
}

/// A count that means `derived` when it is null, or absent without `fallback`.
static int64_t readCount(Config &config, const std::string &key,
                         int64_t fallback, int64_t derived) {
  if (!config.mentions(key) && fallback)
    return fallback;
  return config.positive(key, countLimit, derived);
}

static void readHeads(Config &config, const DecoderDefaults &defaults,
                      const DecoderKeys &keys, Architecture &a) {
  a.heads = config.positive(keys.heads, countLimit);
  a.kvHeads = a.heads;
  if (keys.kvHeads) {
    a.kvHeads = readCount(config, keys.kvHeads, defaults.kvHeads, a.heads);
    requireMultiple(config, keys.heads, a.heads, keys.kvHeads, a.kvHeads);
  }
  bool isDerived = !config.has("head_dim") &&
                   (config.mentions("head_dim") || !defaults.headDim);
  if (isDerived)
    requireMultiple(config, keys.hidden, a.hidden, keys.heads, a.heads);
  a.headDim =
      readCount(config, "head_dim", defaults.headDim, a.hidden / a.heads);
  if (a.headDim % 2)
    config.fail("head_dim", "expects an even width of heads, because rope "
                            "rotates pairs, but got " +
                                std::to_string(a.headDim));
  if (a.queryWidth() > widthLimit)
    config.fail("head_dim", "expects heads that together are at most " +
                                std::to_string(widthLimit) + " wide, but got " +
                                std::to_string(a.queryWidth()));
}

/// The #nn<activation> that member `key` names as PyTorch does.
static std::string readActivation(Config &config, const std::string &key,
                                  const std::string &fallback) {
  static const std::map<std::string, std::string> names = {
      {"silu", "silu"},          {"swish", "silu"},
      {"gelu", "gelu"},          {"gelu_pytorch_tanh", "gelu_tanh"},
      {"gelu_new", "gelu_tanh"}, {"gelu_fast", "gelu_tanh"}};
  std::string text = config.string(key, fallback);
  auto found = names.find(text);
  if (found != names.end())
    return found->second;
  config.fail(key,
              "expects 'silu', 'gelu', 'gelu_new' or 'gelu_pytorch_tanh', but "
              "got " +
                  inQuotes(text),
              StatusCode::Unsupported);
  return "silu";
}

void readDecoder(Config &config, const DecoderDefaults &defaults,
                 Architecture &a, const DecoderKeys &keys) {
  a.vocabulary = config.positive("vocab_size", widthLimit);
  a.context = config.positive(keys.context, contextLimit, defaults.context);
  a.contextSource = keys.context;
  a.hidden = config.positive(keys.hidden, widthLimit);
  a.layers = config.positive(keys.layers, countLimit);
  std::optional<int64_t> intermediate;
  if (defaults.intermediateToHidden)
    intermediate = defaults.intermediateToHidden * a.hidden;
  a.intermediate = config.positive(keys.intermediate, widthLimit, intermediate);
  readHeads(config, defaults, keys, a);
  a.normEps = config.real(keys.eps, 1e-30, 1, defaults.eps);
  a.activation = readActivation(config, keys.activation, defaults.activation);
  a.tiedEmbedding =
      config.boolean("tie_word_embeddings", defaults.tiedEmbedding);
  a.windows.assign(a.layers, 0);
  a.attentionScale = 1 / std::sqrt(double(a.headDim));
}

void readExperts(Config &config, const char *countKey, int64_t count,
                 int64_t perToken, Architecture &a) {
  Experts &experts = a.experts;
  experts.count = config.positive(countKey, countLimit, count);
  const char *key = "num_experts_per_tok";
  experts.perToken = config.positive(key, countLimit, perToken);
  if (experts.perToken > experts.count)
    config.fail(key, std::string("expects at most ") + countKey +
                         ", which is " + std::to_string(experts.count) +
                         ", but got " + std::to_string(experts.perToken));
  experts.layers.assign(a.layers, true);
}

std::vector<bool> readLayerTypes(Config &config,
                                 const std::vector<bool> &silent,
                                 bool usesWindow) {
  std::vector<std::string> types = config.strings("layer_types");
  if (types.empty())
    return silent;
  int64_t layers = silent.size();
  std::vector<bool> windowed(layers, false);
  if (static_cast<int64_t>(types.size()) != layers) {
    config.fail("layer_types",
                "expects one entry for each of the " + std::to_string(layers) +
                    " layers, but got " + std::to_string(types.size()));
    return windowed;
  }
  for (int64_t i = 0; i < layers; ++i) {
    windowed[i] = types[i] == "sliding_attention";
    if (!windowed[i] && types[i] != "full_attention")
      config.fail("layer_types",
                  "expects 'full_attention' or 'sliding_attention', but got " +
                      inQuotes(types[i]),
                  StatusCode::Unsupported);
    if (windowed[i] && !usesWindow)
      config.fail("layer_types",
                  "expects only 'full_attention' because use_sliding_window "
                  "is false, but got 'sliding_attention'");
  }
  return windowed;
}

void readWindowedLayers(Config &config, Architecture &a) {
  bool usesWindow = config.boolean("use_sliding_window", false);
  int64_t window = config.positive("sliding_window", contextLimit, 4096);
  int64_t full = config.integer("max_window_layers", 0, countLimit, 28);
  std::vector<bool> silent(a.layers, false);
  for (int64_t i = full; i < a.layers; ++i)
    silent[i] = usesWindow;
  std::vector<bool> windowed = readLayerTypes(config, silent, usesWindow);
  for (int64_t i = 0; i < a.layers; ++i)
    a.windows[i] = windowed[i] ? window : 0;
}

} // namespace quern::import
