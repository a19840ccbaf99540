// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Mixtral: Mistral with experts in every layer.

#include "Families.h"

void quern::import::describeMixtral(Config &config, Architecture &a) {
  DecoderDefaults defaults{/*context=*/131072, /*kvHeads=*/8};
  defaults.eps = 1e-5;
  readDecoder(config, defaults, a);
  readRope(config, a, {/*base=*/1e6});
  if (config.has("sliding_window"))
    a.windows.assign(a.layers, config.positive("sliding_window", contextLimit));
  readExperts(config, "num_local_experts", 8, 2, a);
  a.experts.intermediate = a.intermediate;
  a.experts.normalized = true;
  a.checkpoint.names = {
      {"mlp.gate", "block_sparse_moe.gate"},
      {"mlp.experts.gate_proj", "block_sparse_moe.experts.*.w1"},
      {"mlp.experts.up_proj", "block_sparse_moe.experts.*.w3"},
      {"mlp.experts.down_proj", "block_sparse_moe.experts.*.w2"}};
}
