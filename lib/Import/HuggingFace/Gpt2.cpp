// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file GPT-2: layer norms, learned positions, no gate, biases everywhere, and
// matrices stored as [columns, rows].

#include "Families.h"

namespace quern::import {

/// Fails unless the switch `key` is as usual: each changes the scores.
static void requireUsual(Config &config, const char *key, bool usual) {
  auto text = [](bool value) { return value ? "true" : "false"; };
  if (config.boolean(key, usual) != usual)
    config.fail(key,
                std::string("expects ") + text(usual) + ", but got " +
                    text(!usual),
                StatusCode::Unsupported);
}

void describeGpt2(Config &config, Architecture &a) {
  DecoderDefaults defaults{/*context=*/1024};
  defaults.activation = "gelu_new";
  defaults.tiedEmbedding = true;
  defaults.eps = 1e-5;
  defaults.intermediateToHidden = 4;
  readDecoder(config, defaults, a,
              {"n_positions", "n_embd", "n_layer", "n_head", "n_inner",
               "layer_norm_epsilon", "activation_function",
               /*kvHeads=*/nullptr});
  requireUsual(config, "scale_attn_weights", true);
  requireUsual(config, "scale_attn_by_inverse_layer_idx", false);
  requireUsual(config, "add_cross_attention", false);
  a.layerNorms = true;
  a.learnedPositions = a.context;
  a.gatedFeedForward = false;
  a.qkvBias = a.outputBias = a.mlpBias = true;
  Checkpoint &checkpoint = a.checkpoint;
  checkpoint.prefix = "transformer.";
  checkpoint.layers = "transformer.h.";
  checkpoint.names = {{"model.embed_tokens", "transformer.wte"},
                      {"model.embed_positions", "transformer.wpe"},
                      {"model.norm", "transformer.ln_f"},
                      {"input_layernorm", "ln_1"},
                      {"self_attn.o_proj", "attn.c_proj"},
                      {"post_attention_layernorm", "ln_2"},
                      {"mlp.up_proj", "mlp.c_fc"},
                      {"mlp.down_proj", "mlp.c_proj"}};
  checkpoint.fused = {
      {"attn.c_attn",
       {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}}};
  checkpoint.transposedLinears = true;
  checkpoint.ignored = {".attn.bias", ".attn.masked_bias"}; // masks
}

} // namespace quern::import
