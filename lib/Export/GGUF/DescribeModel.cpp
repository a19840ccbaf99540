// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Metadata of a GGUF file: general.* and the keys of an architecture.

#include "GgufModel.h"
#include "quern/Export/Gguf.h"
#include "quern/Support/Text.h"
#include "quern/Weights/GgufMixtures.h"

#include <map>

using namespace quern;
using namespace quern::exporter;

namespace {
struct Architecture {
  const char *modelType; ///< Hugging Face's
  const char *name;      ///< llama.cpp's
  bool hasRopeTensor;    ///< whether llama.cpp looks for factors of frequencies
};
} // namespace

static constexpr Architecture architectures[] = {
    {"llama", "llama", true},
    {"mistral", "llama", true},
    {"qwen2", "qwen2", false},
    {"qwen3", "qwen3", false},
};

std::optional<float> exporter::linearFactor(const ModelFacts &facts) {
  for (float factor : facts.ropeFactors)
    if (factor != facts.ropeFactors.front())
      return std::nullopt;
  if (facts.ropeFactors.empty())
    return std::nullopt;
  return facts.ropeFactors.front();
}

Result<std::string> exporter::ggufArchitecture(const ModelFacts &facts) {
  std::string known;
  for (const Architecture &entry : architectures) {
    known += (known.empty() ? "" : ", ") + inQuotes(entry.modelType);
    if (facts.architecture != entry.modelType)
      continue;
    if (!entry.hasRopeTensor && !facts.ropeFactors.empty() &&
        !linearFactor(facts))
      return Status::error(
          StatusCode::Unsupported,
          "expects frequencies that are plain or scaled by one factor, because "
          "llama.cpp knows no other of " +
              inQuotes(entry.name) + ", but got several factors");
    return std::string(entry.name);
  }
  return Status::error(StatusCode::Unsupported,
                       "expects a model whose architecture is one of " + known +
                           ", for GGUF, but got " +
                           inQuotes(facts.architecture));
}

/// The type that most elements of matrices have.
static std::string mostUsedType(const std::vector<ContainerTensor> &tensors) {
  std::map<std::string, int64_t> elements;
  for (const ContainerTensor &tensor : tensors)
    if (tensor.shape.size() == 2)
      elements[tensor.type] += tensor.shape[0] * tensor.shape[1];
  std::string most;
  for (const auto &[type, count] : elements)
    if (most.empty() || count > elements[most])
      most = type;
  return most;
}

static void describeRope(const std::string &prefix, const ModelFacts &facts,
                         GgufValues &values) {
  values.f32(prefix + "rope.freq_base", static_cast<float>(facts.ropeBase));
  values.u32(prefix + "rope.dimension_count", facts.headDim);
  if (std::optional<float> factor = linearFactor(facts)) {
    values.string(prefix + "rope.scaling.type", "linear");
    values.f32(prefix + "rope.scaling.factor", *factor);
  }
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
  Result<std::string> architecture = ggufArchitecture(facts);
  if (!architecture)
    return architecture.status();
  values.string("general.architecture", *architecture);
  values.u32("general.quantization_version", 2);
  if (std::optional<uint32_t> type = weights::fileTypeOf(mostUsedType(tensors)))
    values.u32("general.file_type", *type);
  copyValues(source, values);
  values.string("general.name", name);

  std::string prefix = *architecture + ".";
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
  return Status::ok();
}
