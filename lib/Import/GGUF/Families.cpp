// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The architectures of GGUF files that can be imported.

#include "Families.h"

#include "quern/Support/Text.h"

#include <algorithm>
#include <cmath>

namespace quern::import {

static void describeGemma(GgufModel &model, Architecture &a) {
  Facts &facts = model.facts;
  a.activation = "gelu_tanh";
  a.embeddingScale = std::sqrt(double(a.hidden));
  bool isSecond = std::string(model.kind.name) == "gemma2";
  a.logitSoftcap = facts.real("final_logit_softcapping", 0, 1e6,
                              isSecond ? std::optional(30.0) : 0.0);
  if (isSecond)
    a.attentionSoftcap = facts.real("attn_logit_softcapping", 1e-3, 1e6, 50);
  else
    a.queryKeyNorm = true;
}

/// The fused tensors, by the names of their parts; their own are those of the
/// table of names.
static void describeFused(Architecture &a) {
  a.checkpoint.fused = {
      {"self_attn.qkv_proj",
       {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
      {"mlp.gate_up_proj", {"mlp.gate_proj", "mlp.up_proj"}}};
}

void describeGgufModel(GgufModel &model, Architecture &a) {
  const weights::GgufArchitecture &kind = model.kind;
  readGgufDecoder(model, a);
  if (!model.facts.status())
    return; // what follows allocates by these numbers
  readGgufPositions(model, a);
  a.family = kind.modelType;
  std::string name = kind.name;
  a.normUnitOffset = kind.addsOneToNorms;
  a.postNorms = kind.hasPostNorms;
  a.attentionScale =
      weights::ggufAttentionScale(kind, a.layers, a.hidden, a.heads, a.headDim);
  if (name == "qwen2")
    a.qkvBias = true;
  if (name == "qwen3" || name == "qwen3moe")
    a.queryKeyNorm = true;
  if (name == "gemma2" || name == "gemma3")
    describeGemma(model, a);
  if (kind.isFused)
    describeFused(a);
}

Result<const weights::GgufArchitecture *>
findGgufFamily(const std::string &name, bool hasExperts) {
  std::vector<std::string> names;
  const weights::GgufArchitecture *found = nullptr;
  for (const weights::GgufArchitecture &kind : weights::ggufArchitectures()) {
    if (name == kind.name && (!found || kind.hasExperts == hasExperts))
      if (!found || found->hasExperts != hasExperts)
        found = &kind;
    if (std::find(names.begin(), names.end(), kind.name) == names.end())
      names.push_back(kind.name);
  }
  if (found)
    return found;
  std::string known;
  for (size_t i = 0; i < names.size(); ++i) {
    const char *separator = i + 1 < names.size() ? ", " : " or ";
    known += (i ? separator : "") + inQuotes(names[i]);
  }
  return Status::error(StatusCode::Unsupported,
                       "expects " + known + ", but got " + inQuotes(name));
}

} // namespace quern::import
