// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The part of an export that folders of Hugging Face have: files beside
// the weights.

#include "ModelExport.h"

#include "quern/Base/MappedFile.h"
#include "quern/Export/Checkpoint.h"

using namespace quern;
using namespace quern::pipelines;

/// Copied as they are from one folder to another.
static constexpr const char *companions[] = {
    "tokenizer.json",    "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "tokenizer.model",       "vocab.json",
    "merges.txt",        "chat_template.jinja",   "generation_config.json",
};

static Result<std::string> readText(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  Span<const uint8_t> bytes = file->bytes();
  return std::string(bytes.begin(), bytes.end());
}

/// What a GGUF file says of tokenizers, as files.
static Status writeTokenizerFiles(const artifact::ArtifactFolder &folder,
                                  const import::TokenizerFiles &files,
                                  const weights::Metadata &metadata) {
  Status status = artifact::writeFileAtomically(folder.path("tokenizer.json"),
                                                files.tokenizer);
  if (status)
    status = artifact::writeFileAtomically(folder.path("tokenizer_config.json"),
                                           files.config);
  const weights::MetadataValue *chat = metadata.find("tokenizer.chat_template");
  std::optional<std::string_view> text =
      chat && !chat->isArray ? chat->string() : std::nullopt;
  if (status && text)
    status = artifact::writeFileAtomically(folder.path("chat_template.jinja"),
                                           std::string(*text));
  return status;
}

Status ModelExport::writeModelFiles(const std::string &quantization) {
  std::string original;
  bool isFolder = !import::isGguf(options.modelPath);
  if (isFolder) {
    Result<std::string> text = readText(options.modelPath + "/config.json");
    if (!text)
      return text.status();
    original = std::move(*text);
  }
  exporter::SpecialTokens tokens;
  if (const auto &tokenizer = front.getTokenizer())
    tokens = {tokenizer->bosTokenId, tokenizer->eosTokenIds};
  Result<std::string> config = exporter::checkpointConfig(
      front.getModule(), original, tokens, quantization);
  if (!config)
    return config.status();
  Status status =
      artifact::writeFileAtomically(folder->path("config.json"), *config);
  if (!status)
    return status;
  if (const auto &tokenizer = front.getTokenizer())
    return writeTokenizerFiles(*folder, *tokenizer,
                               front.getSource().metadata());
  for (const char *name : companions)
    if (status && isFolder)
      status = copyIfThere(options.modelPath + "/" + name, folder->path(name));
  return status;
}

Status ModelExport::createFolder(const std::string &quantization) {
  Result<artifact::ArtifactFolder> created =
      artifact::ArtifactFolder::create(options.outputPath);
  if (!created)
    return created.status();
  folder.emplace(std::move(*created));
  output = options.outputPath;
  return writeModelFiles(quantization);
}

Status ModelExport::openCheckpoint() {
  Result<exporter::CheckpointPlan> plan =
      exporter::planCheckpoint(front.getModule(), options.container);
  if (!plan)
    return plan.status();
  if (Status status = createFolder(plan->quantization); !status)
    return status;
  constexpr uint64_t usualBytes = 5'000'000'000;
  auto files = exporter::createCheckpointFiles(
      folder->path(), *plan,
      options.shardBytes ? options.shardBytes : usualBytes);
  if (!files)
    return files.status();
  writer = std::move(*files);
  tensors = std::move(plan->tensors);
  return Status::ok();
}
