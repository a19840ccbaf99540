// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Gemma 2 and the text models of Gemma 3: norms before and behind each
// part, and a window in most layers. Gemma 2 has soft caps in addition, Gemma 3
// norms of queries and keys, and rotary positions of their own for layers with
// a window.

#include "Families.h"

#include <cmath>

namespace quern::import {

/// A soft cap, which null switches off; `fallback` 0: there is none.
static double readSoftcap(Config &config, const char *key, double fallback) {
  bool isOff = config.mentions(key) || fallback == 0;
  return isOff && !config.has(key) ? 0 : config.real(key, 1e-3, 1e6, fallback);
}

/// `pattern`: every so many layers one attends to everything.
static void readWindows(Config &config, int64_t pattern, Architecture &a) {
  std::vector<bool> silent(a.layers);
  for (int64_t i = 0; i < a.layers; ++i)
    silent[i] = (i + 1) % pattern != 0;
  std::vector<bool> windowed =
      readLayerTypes(config, silent, /*usesWindow=*/true);
  int64_t window = config.positive("sliding_window", contextLimit, 4096);
  for (int64_t i = 0; i < a.layers; ++i)
    a.windows[i] = windowed[i] ? window : 0;
}

static void readGemma(Config &config, int64_t context, Architecture &a) {
  DecoderDefaults defaults{context, /*kvHeads=*/4, /*headDim=*/256};
  defaults.activation = "gelu_pytorch_tanh";
  defaults.tiedEmbedding = true;
  DecoderKeys keys;
  keys.activation = "hidden_activation";
  readDecoder(config, defaults, a, keys);
  if (config.boolean("use_bidirectional_attention", false))
    config.fail("use_bidirectional_attention", "expects false, but got true",
                StatusCode::Unsupported);
  a.normUnitOffset = true;
  a.postNorms = true;
  a.embeddingScale = std::sqrt(double(a.hidden));
  a.qkvBias = a.outputBias = config.boolean("attention_bias", false);
  a.attentionScale =
      1 / std::sqrt(config.real("query_pre_attn_scalar", 1e-3, 1e6, 256));
}

void describeGemma2(Config &config, Architecture &a) {
  readGemma(config, /*context=*/8192, a);
  readRope(config, a);
  a.attentionSoftcap = readSoftcap(config, "attn_logit_softcapping", 50);
  a.logitSoftcap = readSoftcap(config, "final_logit_softcapping", 30);
  readWindows(config, /*pattern=*/2, a);
}

void describeGemma3(Config &config, Architecture &a) {
  readGemma(config, /*context=*/131072, a);
  readRopes(config, a);
  a.queryKeyNorm = true;
  a.attentionSoftcap = readSoftcap(config, "attn_logit_softcapping", 0);
  a.logitSoftcap = readSoftcap(config, "final_logit_softcapping", 0);
  readWindows(config, config.positive("sliding_window_pattern", countLimit, 6),
              a);
}

} // namespace quern::import
