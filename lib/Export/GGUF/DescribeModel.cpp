// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Metadata of a GGUF file: general.* and the keys of an architecture.

#include "GgufModel.h"
#include "quern/Export/Gguf.h"
#include "quern/Weights/GgufMixtures.h"

#include <map>

using namespace quern;
using namespace quern::exporter;
using weights::GgufArchitecture;
using weights::WindowSupport;

/// The type that most elements of matrices have.
static std::string mostUsedType(const std::vector<ContainerTensor> &tensors) {
  std::map<std::string, int64_t> elements;
  for (const ContainerTensor &tensor : tensors) {
    int64_t count = 1;
    for (int64_t extent : tensor.shape)
      count *= extent;
    if (tensor.shape.size() > 1)
      elements[tensor.type] += count;
  }
  std::string most;
  for (const auto &[type, count] : elements)
    if (most.empty() || count > elements[most])
      most = type;
  return most;
}

static void describeRope(const std::string &prefix, const ModelFacts &facts,
                         GgufValues &values) {
  values.f32(prefix + "rope.freq_base", static_cast<float>(facts.ropeBase));
  values.u32(prefix + "rope.dimension_count", facts.rotatedColumns);
  if (std::optional<float> factor = linearFactor(facts)) {
    values.string(prefix + "rope.scaling.type", "linear");
    values.f32(prefix + "rope.scaling.factor", *factor);
  }
  if (facts.ropeMagnitude != 1)
    values.f32(prefix + "rope.scaling.attn_factor", facts.ropeMagnitude);
}

/// The number of layers of which the last has no window, if that is how those
/// that `flags` say have one are spread; else 0.
static int64_t patternOf(const std::vector<bool> &flags) {
  int64_t pattern = 1;
  while (pattern < int64_t(flags.size()) && flags[pattern - 1])
    ++pattern;
  for (size_t i = 0; i < flags.size(); ++i)
    if (flags[i] != ((int64_t(i) + 1) % pattern != 0))
      return 0;
  return pattern;
}

/// Layers with a window, and which these are where it is not as usual.
static void describeWindows(const std::string &prefix,
                            const GgufArchitecture &kind,
                            const ModelFacts &facts, GgufValues &values) {
  Result<int64_t> window = facts.window();
  if (kind.windows == WindowSupport::None || !window)
    return;
  values.u32(prefix + "attention.sliding_window", *window);
  if (kind.windows != WindowSupport::Pattern || *window == 0)
    return;
  if (facts.windowRopeBase)
    values.f32(prefix + "rope.freq_base_swa",
               static_cast<float>(facts.windowRopeBase));
  std::string key = prefix + "attention.sliding_window_pattern";
  std::vector<bool> flags;
  for (int64_t length : facts.windows)
    flags.push_back(length != 0);
  int64_t pattern = patternOf(flags);
  if (!pattern)
    values.booleans(key, flags);
  else if (pattern != kind.windowPattern)
    values.u32(key, pattern);
}

static void describeVariant(const std::string &prefix,
                            const GgufArchitecture &kind,
                            const ModelFacts &facts, GgufValues &values) {
  describeWindows(prefix, kind, facts, values);
  if (facts.attentionSoftcap)
    values.f32(prefix + "attn_logit_softcapping", facts.attentionSoftcap);
  if (facts.logitSoftcap)
    values.f32(prefix + "final_logit_softcapping", facts.logitSoftcap);
  // Up to this context the factors hold that the file has.
  if (kind.isFused)
    values.u32(prefix + "rope.scaling.original_context_length", facts.context);
  if (!kind.hasExperts)
    return;
  values.u32(prefix + "expert_count", facts.experts);
  values.u32(prefix + "expert_used_count", facts.expertsPerToken);
  values.u32(prefix + "expert_feed_forward_length", facts.expertIntermediate);
}

/// What a file of the same model says, but for what this file says of itself.
static void copyValues(const weights::Metadata &source, GgufValues &values) {
  for (const weights::Metadata::Entry &entry : source.entries()) {
    llvm::StringRef key = entry.key;
    if (key != "general.alignment" && !key.starts_with("split."))
      values.copy(entry.key, entry.value);
  }
}

Status exporter::describeGguf(const ModelFacts &facts, const std::string &name,
                              const std::vector<ContainerTensor> &tensors,
                              const weights::Metadata &source,
                              GgufValues &values) {
  Result<const GgufArchitecture *> kind = ggufArchitecture(facts);
  if (!kind)
    return kind.status();
  values.string("general.architecture", (*kind)->name);
  values.u32("general.quantization_version", 2);
  if (std::optional<uint32_t> type = weights::fileTypeOf(mostUsedType(tensors)))
    values.u32("general.file_type", *type);
  copyValues(source, values);
  values.string("general.name", name);

  std::string prefix = (*kind)->name + std::string(".");
  values.u32(prefix + "vocab_size", facts.vocabulary);
  values.u32(prefix + "context_length", facts.context);
  values.u32(prefix + "embedding_length", facts.hidden);
  values.u32(prefix + "block_count", facts.layers);
  values.u32(prefix + "feed_forward_length", facts.intermediate);
  values.u32(prefix + "attention.head_count", facts.heads);
  values.u32(prefix + "attention.head_count_kv", facts.kvHeads);
  values.u32(prefix + "attention.key_length", facts.headDim);
  values.u32(prefix + "attention.value_length", facts.headDim);
  values.f32(prefix + "attention.layer_norm_rms_epsilon", facts.normEps);
  describeRope(prefix, facts, values);
  describeVariant(prefix, **kind, facts, values);
  return Status::ok();
}
