// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Phi-3 and Phi-4: Llama whose projections lie in one tensor each.

#include "Families.h"

void quern::import::describePhi3(Config &config, Architecture &architecture) {
  readDecoder(config, {/*context=*/4096}, architecture);
  readRope(config, architecture);
  if (config.has("sliding_window"))
    architecture.windows.assign(
        architecture.layers, config.positive("sliding_window", contextLimit));
  architecture.checkpoint.fused = {
      {"self_attn.qkv_proj",
       {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
      {"mlp.gate_up_proj", {"mlp.gate_proj", "mlp.up_proj"}}};
}
