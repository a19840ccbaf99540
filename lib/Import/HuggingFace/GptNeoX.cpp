// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file GPT-NeoX and Pythia: layer norms, no gate, heads of which a part turns,
// and mostly attention and feed-forward side by side.

#include "Families.h"

void quern::import::describeGptNeoX(Config &config, Architecture &a) {
  DecoderDefaults defaults{/*context=*/2048};
  defaults.activation = "gelu";
  defaults.eps = 1e-5;
  DecoderKeys keys;
  keys.eps = "layer_norm_eps";
  keys.kvHeads = nullptr;
  readDecoder(config, defaults, a, keys);
  readRope(config, a,
           {/*base=*/10000, /*share=*/0.25, "rotary_emb_base", "rotary_pct"});
  a.layerNorms = true;
  a.gatedFeedForward = false;
  a.parallelParts = config.boolean("use_parallel_residual", true);
  a.qkvBias = a.outputBias = config.boolean("attention_bias", true);
  a.mlpBias = true;
  Checkpoint &checkpoint = a.checkpoint;
  checkpoint.layers = "gpt_neox.layers.";
  checkpoint.names = {{"model.embed_tokens", "gpt_neox.embed_in"},
                      {"model.norm", "gpt_neox.final_layer_norm"},
                      {"lm_head", "embed_out"},
                      {"self_attn.o_proj", "attention.dense"},
                      {"mlp.up_proj", "mlp.dense_h_to_4h"},
                      {"mlp.down_proj", "mlp.dense_4h_to_h"}};
  // Head by head: the head's query, key and value.
  checkpoint.fused = {
      {"attention.query_key_value",
       {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
       /*runs=*/a.heads}};
  checkpoint.ignored = {".attention.bias", ".attention.masked_bias",
                        ".rotary_emb.inv_freq"};
}
