// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What GGUF files call models and their tensors. Source: llama.cpp,
// gguf-py/gguf/tensor_mapping.py and src/models.

#include "quern/Weights/GgufNames.h"

#include <algorithm>
#include <cmath>

namespace quern::weights {

static std::vector<GgufArchitecture> makeArchitectures() {
  GgufArchitecture llama{"llama", "llama"};
  llama.hasPairedRows = true;
  llama.ropeFactors = "rope_freqs.weight";
  GgufArchitecture mistral = llama;
  mistral.modelType = "mistral";
  GgufArchitecture mixtral = llama;
  mixtral.modelType = "mixtral";
  mixtral.hasExperts = true;
  GgufArchitecture qwen3Moe{"qwen3_moe", "qwen3moe"};
  qwen3Moe.hasExperts = true;
  GgufArchitecture gemma2{"gemma2", "gemma2"};
  gemma2.windows = WindowSupport::Pattern;
  gemma2.windowPattern = 2;
  gemma2.hasPostNorms = gemma2.addsOneToNorms = true;
  gemma2.layersOfOtherScale = 46; // 27B
  GgufArchitecture gemma3 = gemma2;
  gemma3.modelType = "gemma3_text";
  gemma3.name = "gemma3";
  gemma3.windowPattern = 6;
  gemma3.windowRopeBase = 10000;
  gemma3.layersOfOtherScale = 62; // 27B
  GgufArchitecture phi3{"phi3", "phi3"};
  phi3.ropeFactors = "rope_factors_short.weight";
  phi3.windows = WindowSupport::Ignored;
  phi3.isFused = true;
  return {llama,
          mistral,
          mixtral,
          {"qwen2", "qwen2"},
          {"qwen3", "qwen3"},
          qwen3Moe,
          gemma2,
          gemma3,
          phi3};
}

Span<const GgufArchitecture> ggufArchitectures() {
  static const std::vector<GgufArchitecture> all = makeArchitectures();
  return Span<const GgufArchitecture>(all);
}

const GgufArchitecture *findGgufArchitecture(const std::string &modelType) {
  for (const GgufArchitecture &architecture : ggufArchitectures())
    if (modelType == architecture.modelType)
      return &architecture;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

namespace {
struct NamePair {
  const char *model;
  const char *gguf;
};

/// A name of the model without its layer and kind.
struct LayerName {
  std::string prefix; ///< `model.layers.3.`
  std::string part;   ///< `self_attn.q_proj`; empty: of no layer
  std::string kind;   ///< `.weight`
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
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.experts.gate_proj", "ffn_gate_exps"},
    {"mlp.experts.up_proj", "ffn_up_exps"},
    {"mlp.experts.down_proj", "ffn_down_exps"},
};

/// Where there are norms behind both parts of a layer, these come first.
static constexpr NamePair postNormNames[] = {
    {"post_attention_layernorm", "post_attention_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
};

namespace {
struct FusedName {
  const char *gguf;
  std::vector<const char *> parts; ///< in the order of the rows
};
} // namespace

static const std::vector<FusedName> &fusedNames() {
  static const std::vector<FusedName> names = {
      {"attn_qkv",
       {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
      {"ffn_up", {"mlp.gate_proj", "mlp.up_proj"}},
  };
  return names;
}

static LayerName splitName(const std::string &name) {
  const std::string layers = "model.layers.";
  size_t end = std::min(name.rfind('.'), name.size());
  if (name.compare(0, layers.size(), layers) != 0)
    return {"", "", name.substr(end)};
  size_t dot = name.find('.', layers.size());
  if (dot >= end)
    return {"", "", name.substr(end)};
  return {name.substr(0, dot + 1), name.substr(dot + 1, end - dot - 1),
          name.substr(end)};
}

/// The fused tensor that `part` lies in; null if it has one for itself.
static const FusedName *findFused(const GgufArchitecture &architecture,
                                  const std::string &part) {
  if (!architecture.isFused)
    return nullptr;
  for (const FusedName &fused : fusedNames())
    if (std::find(fused.parts.begin(), fused.parts.end(), part) !=
        fused.parts.end())
      return &fused;
  return nullptr;
}

/// What `part` of a layer is called; null if it has no name.
static const char *findLayerName(const GgufArchitecture &architecture,
                                 const std::string &part) {
  if (const FusedName *fused = findFused(architecture, part))
    return fused->gguf;
  if (architecture.hasPostNorms)
    for (const NamePair &pair : postNormNames)
      if (part == pair.model)
        return pair.gguf;
  for (const NamePair &pair : layerNames)
    if (part == pair.model)
      return pair.gguf;
  return nullptr;
}

std::string ggufNameOf(const GgufArchitecture &architecture,
                       const std::string &name) {
  LayerName split = splitName(name);
  if (split.part.empty()) {
    for (const NamePair &pair : wholeNames)
      if (name == pair.model + split.kind)
        return pair.gguf + split.kind;
    return name; // of a family that the table does not know yet
  }
  const char *found = findLayerName(architecture, split.part);
  const size_t begin = std::string("model.layers.").size();
  return found ? "blk." + split.prefix.substr(begin) + found + split.kind
               : name;
}

std::vector<std::string> ggufPartsOf(const GgufArchitecture &architecture,
                                     const std::string &name) {
  LayerName split = splitName(name);
  const FusedName *fused = findFused(architecture, split.part);
  if (!fused)
    return {name};
  std::vector<std::string> parts;
  for (const char *part : fused->parts)
    parts.push_back(split.prefix + part + split.kind);
  return parts;
}

std::string ggufCompanionOf(const std::string &weight, const char *suffix) {
  return weight.substr(0, weight.rfind('.')) + suffix;
}

bool hasPairedRows(const GgufArchitecture &architecture,
                   const std::string &name) {
  auto contains = [&](const char *part) {
    return name.find(part) != std::string::npos;
  };
  return architecture.hasPairedRows &&
         (contains(".q_proj.") || contains(".k_proj."));
}

bool isOfExperts(const std::string &name) {
  return name.find(".mlp.experts.") != std::string::npos;
}

double ggufAttentionScale(const GgufArchitecture &architecture, int64_t layers,
                          int64_t hidden, int64_t heads, int64_t headDim) {
  bool isOther = architecture.layersOfOtherScale == layers;
  return 1 / std::sqrt(double(isOther ? hidden / heads : headDim));
}

} // namespace quern::weights
