// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Qwen3 with experts in most layers.

#include "Families.h"

namespace quern::import {

/// Layers that `mlp_only_layers` names, and those between every so many, have
/// the usual feed-forward part.
static void readDenseLayers(Config &config, Architecture &a) {
  std::vector<bool> &layers = a.experts.layers;
  int64_t step = config.positive("decoder_sparse_step", countLimit, 1);
  for (int64_t i = 0; i < a.layers; ++i)
    layers[i] = (i + 1) % step == 0;
  for (double layer : config.reals("mlp_only_layers", 0, double(countLimit)))
    if (layer < double(a.layers))
      layers[size_t(layer)] = false;
}

void describeQwen3Moe(Config &config, Architecture &a) {
  readDecoder(config, {/*context=*/32768, /*kvHeads=*/4}, a);
  readRope(config, a);
  a.queryKeyNorm = true;
  a.qkvBias = a.outputBias = config.boolean("attention_bias", false);
  if (config.boolean("use_sliding_window", false))
    a.windows.assign(a.layers,
                     config.positive("sliding_window", contextLimit, 4096));
  // The library's name for it, and the one that published files have.
  const char *key =
      config.has("num_experts") ? "num_experts" : "num_local_experts";
  readExperts(config, key, 128, 8, a);
  a.experts.intermediate =
      config.positive("moe_intermediate_size", widthLimit, 768);
  a.experts.normalized = config.boolean("norm_topk_prob", false);
  readDenseLayers(config, a);
  a.checkpoint.names = {{"mlp.experts.gate_proj", "mlp.experts.*.gate_proj"},
                        {"mlp.experts.up_proj", "mlp.experts.*.up_proj"},
                        {"mlp.experts.down_proj", "mlp.experts.*.down_proj"}};
}

} // namespace quern::import
