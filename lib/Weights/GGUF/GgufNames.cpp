// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What GGUF files call the tensors of a model. Source: llama.cpp,
// gguf-py/gguf/tensor_mapping.py.

#include "quern/Weights/GgufNames.h"

namespace quern::weights {

namespace {
struct NamePair {
  const char *model;
  const char *gguf;
};
} // namespace

/// Here and below without `.weight` or `.bias`.
static constexpr NamePair wholeNames[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
};

static constexpr NamePair layerNames[] = {
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.o_proj", "attn_output"},
    {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};

std::string ggufNameOf(const std::string &name) {
  size_t end = name.rfind('.');
  for (const NamePair &pair : wholeNames)
    if (name.substr(0, end) == pair.model)
      return pair.gguf + name.substr(end);
  const std::string prefix = "model.layers.";
  size_t dot = name.find('.', prefix.size());
  std::string part = name.substr(dot + 1, end - dot - 1);
  for (const NamePair &pair : layerNames)
    if (part == pair.model)
      return "blk." + name.substr(prefix.size(), dot - prefix.size()) + "." +
             pair.gguf + name.substr(end);
  return name; // of a family that the table does not know yet
}

std::string ggufCompanionOf(const std::string &weight, const char *suffix) {
  return weight.substr(0, weight.rfind('.')) + suffix;
}

bool hasPairedRows(const std::string &architecture, const std::string &name) {
  auto contains = [&](const char *part) {
    return name.find(part) != std::string::npos;
  };
  return architecture == "llama" &&
         (contains(".q_proj.") || contains(".k_proj."));
}

} // namespace quern::weights
