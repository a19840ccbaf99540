// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the configurations of all families share.

#include "Families.h"
#include "quern/Support/Text.h"

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
                      Architecture &a) {
  a.heads = config.positive("num_attention_heads", countLimit);
  a.kvHeads =
      readCount(config, "num_key_value_heads", defaults.kvHeads, a.heads);
  requireMultiple(config, "num_attention_heads", a.heads, "num_key_value_heads",
                  a.kvHeads);
  bool isDerived = !config.has("head_dim") &&
                   (config.mentions("head_dim") || !defaults.headDim);
  if (isDerived)
    requireMultiple(config, "hidden_size", a.hidden, "num_attention_heads",
                    a.heads);
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

/// Refuses members that would change what the model computes.
static void refuseVariants(Config &config) {
  std::string activation = config.string("hidden_act", "silu");
  if (activation != "silu" && activation != "swish")
    config.fail("hidden_act", "expects 'silu', but got " + inQuotes(activation),
                StatusCode::Unsupported);
  double rotated = config.real("partial_rotary_factor", 0, 1, 1);
  if (rotated != 1)
    config.fail("partial_rotary_factor",
                "expects 1, but got " + realText(rotated),
                StatusCode::Unsupported);
}

void readDecoder(Config &config, const DecoderDefaults &defaults,
                 Architecture &a) {
  refuseVariants(config);
  a.vocabulary = config.positive("vocab_size", widthLimit);
  a.context = config.positive("max_position_embeddings", contextLimit,
                              defaults.context);
  a.hidden = config.positive("hidden_size", widthLimit);
  a.layers = config.positive("num_hidden_layers", countLimit);
  a.intermediate = config.positive("intermediate_size", widthLimit);
  readHeads(config, defaults, a);
  a.normEps = config.real("rms_norm_eps", 1e-30, 1, 1e-6);
  a.tiedEmbedding = config.boolean("tie_word_embeddings", false);
  a.windows.assign(a.layers, 0);
  a.inverseFrequencies = readInverseFrequencies(config, a.headDim);
}

/// One truth value a layer: whether it attends to the window only.
static std::vector<bool> readLayerTypes(Config &config, int64_t layers,
                                        bool usesWindow) {
  std::vector<bool> windowed(layers, false);
  std::vector<std::string> types = config.strings("layer_types");
  if (types.empty()) {
    int64_t full = config.integer("max_window_layers", 0, countLimit, 28);
    for (int64_t i = full; i < layers; ++i)
      windowed[i] = usesWindow;
    return windowed;
  }
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
  std::vector<bool> windowed = readLayerTypes(config, a.layers, usesWindow);
  for (int64_t i = 0; i < a.layers; ++i)
    a.windows[i] = windowed[i] ? window : 0;
}

} // namespace quern::import
