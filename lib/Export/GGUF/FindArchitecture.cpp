// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What llama.cpp calls a model, and whether it computes the same.

#include "GgufModel.h"
#include "quern/Support/Text.h"

#include <cmath>

using namespace quern;
using namespace quern::exporter;
using weights::GgufArchitecture;
using weights::WindowSupport;

static Status unsupported(const GgufArchitecture &kind,
                          const std::string &expected,
                          const std::string &found) {
  return Status::error(StatusCode::Unsupported,
                       "expects " + expected + ", because llama.cpp's " +
                           inQuotes(kind.name) + " has no other, but got " +
                           found);
}

std::optional<float> exporter::linearFactor(const ModelFacts &facts) {
  for (float factor : facts.ropeFactors)
    if (factor != facts.ropeFactors.front())
      return std::nullopt;
  if (facts.ropeFactors.empty())
    return std::nullopt;
  return facts.ropeFactors.front();
}

static Status checkRope(const GgufArchitecture &kind, const ModelFacts &facts) {
  if (!kind.ropeFactors && !facts.ropeFactors.empty() && !linearFactor(facts))
    return unsupported(kind,
                       "frequencies that are plain or scaled by one factor",
                       "several factors");
  if (!kind.isFused && facts.rotatedColumns != facts.headDim)
    return unsupported(kind,
                       "heads of which all " + std::to_string(facts.headDim) +
                           " columns turn",
                       std::to_string(facts.rotatedColumns));
  if (!kind.windowRopeBase && facts.windowRopeBase)
    return unsupported(kind, "frequencies that are the same in all layers",
                       "others in layers with a window");
  return Status::ok();
}

static Status checkWindows(const GgufArchitecture &kind,
                           const ModelFacts &facts) {
  Result<int64_t> window = facts.window();
  if (!window)
    return window.status();
  // What is as long as the context hides nothing.
  if (kind.windows != WindowSupport::None || *window == 0 ||
      *window >= facts.context)
    return Status::ok();
  return Status::error(
      StatusCode::Unsupported,
      "expects layers that attend to the whole text, because llama.cpp's " +
          inQuotes(kind.name) + " has no other, but got a window of " +
          std::to_string(*window) + " tokens; a model whose context is " +
          std::to_string(*window) +
          " or less (max_position_embeddings in config.json) has no use of it");
}

static Status checkAttention(const GgufArchitecture &kind,
                             const ModelFacts &facts) {
  if (kind.isFused && facts.heads * facts.headDim != facts.hidden)
    return unsupported(kind,
                       "heads that together are as wide as the model, " +
                           std::to_string(facts.hidden),
                       std::to_string(facts.heads * facts.headDim));
  auto scale = float(weights::ggufAttentionScale(
      kind, facts.layers, facts.hidden, facts.heads, facts.headDim));
  if (std::abs(facts.attentionScale - scale) > 1e-6f * scale)
    return unsupported(
        kind, "products of queries and keys times " + std::to_string(scale),
        std::to_string(facts.attentionScale));
  bool isSecond = std::string(kind.name) == "gemma2";
  if (isSecond != (facts.attentionSoftcap != 0))
    return unsupported(kind,
                       isSecond ? "a soft cap of attention"
                                : "attention without a soft cap",
                       std::to_string(facts.attentionSoftcap));
  bool isGemma = kind.addsOneToNorms;
  if (isSecond ? facts.logitSoftcap == 0 : !isGemma && facts.logitSoftcap != 0)
    return unsupported(
        kind, isSecond ? "a soft cap of logits" : "logits without a soft cap",
        std::to_string(facts.logitSoftcap));
  return Status::ok();
}

static Status checkExperts(const GgufArchitecture &kind,
                           const ModelFacts &facts) {
  if (!kind.hasExperts)
    return Status::ok();
  if (facts.expertLayers != facts.layers)
    return unsupported(kind,
                       "experts in each of the " +
                           std::to_string(facts.layers) + " layers",
                       std::to_string(facts.expertLayers) + " with experts");
  if (!facts.expertsNormalized)
    return unsupported(kind,
                       "shares of the chosen experts that add up to one "
                       "(norm_topk_prob in config.json)",
                       "shares that do not");
  return Status::ok();
}

Result<const GgufArchitecture *>
exporter::ggufArchitecture(const ModelFacts &facts) {
  const GgufArchitecture *kind =
      weights::findGgufArchitecture(facts.architecture);
  if (!kind) {
    std::string known;
    for (const GgufArchitecture &entry : weights::ggufArchitectures())
      known += (known.empty() ? "" : ", ") + inQuotes(entry.modelType);
    return Status::error(StatusCode::Unsupported,
                         "expects a model whose architecture is one of " +
                             known + ", for GGUF, but got " +
                             inQuotes(facts.architecture));
  }
  for (auto check : {checkRope, checkWindows, checkAttention, checkExperts})
    if (Status status = check(*kind, facts); !status)
      return status;
  return kind;
}
