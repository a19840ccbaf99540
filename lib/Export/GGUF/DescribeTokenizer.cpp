// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Metadata of a GGUF file: the tokenizer of a Hugging Face folder.

#include "HubTokenizer.h"
#include "quern/Base/MappedFile.h"
#include "quern/Support/Text.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"

using namespace quern;
using namespace quern::exporter;

static Status invalid(const std::string &message) {
  return Status::error(StatusCode::InvalidFile, message);
}

const JsonValue *exporter::member(const JsonValue *object, const char *key) {
  const JsonValue *value = object ? object->find(key) : nullptr;
  return value && value->kind != JsonKind::Null ? value : nullptr;
}

bool exporter::isText(const JsonValue *object, const char *key,
                      const char *value) {
  const JsonValue *found = member(object, key);
  return found && found->kind == JsonKind::String && found->text == value;
}

const JsonValue *HubTokenizer::part(const char *key) const {
  return member(member(&json, "model"), key);
}

bool HubTokenizer::flag(const char *key) const {
  const JsonValue *value = part(key);
  return value && value->boolean;
}

/// Null if there is no such file.
static Result<JsonValue> readFile(const std::string &path) {
  constexpr size_t largest = size_t(64) << 20;
  if (!llvm::sys::fs::exists(path))
    return JsonValue();
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  Result<JsonValue> value = parseJson(file->bytes(), largest);
  return value ? value : Result<JsonValue>(value.status().withContext(path));
}

static Status addToken(HubTokenizer &tokenizer, const std::string &text,
                       const JsonValue *id, TokenType type) {
  std::optional<int64_t> number = id ? id->asInteger() : std::nullopt;
  auto count = static_cast<int64_t>(tokenizer.tokens.size());
  if (!number || *number < 0 || *number >= count)
    return invalid("expects ids of tokens below the model's vocabulary, " +
                   std::to_string(count) + ", but got " +
                   (id ? describe(*id) : "none") + " of " + inQuotes(text));
  auto [found, isNew] = tokenizer.ids.try_emplace(text, *number);
  if (!isNew && found->second != *number)
    return Status::ok(); // the libraries, too, keep the first
  tokenizer.tokens[*number] = text;
  tokenizer.types[*number] = type;
  return Status::ok();
}

/// Ids without a token get one that no text has, as llama.cpp's converters do.
static void fillGaps(HubTokenizer &tokenizer) {
  for (size_t i = 0; i < tokenizer.tokens.size(); ++i)
    if (tokenizer.types[i] == TokenType::Unused)
      tokenizer.tokens[i] = "[PAD" + std::to_string(i) + "]";
}

static Status readTokens(HubTokenizer &tokenizer, int64_t vocabulary) {
  tokenizer.tokens.resize(vocabulary);
  tokenizer.types.assign(vocabulary, TokenType::Unused);
  const JsonValue *list = tokenizer.part("vocab");
  if (!isText(member(&tokenizer.json, "model"), "type", "BPE") || !list ||
      list->kind != JsonKind::ObjectBegin)
    return Status::error(StatusCode::Unsupported,
                         "expects a model of type 'BPE' with a vocabulary, "
                         "which llama.cpp has a kind of tokenizer for, but got "
                         "another");
  for (const auto &[text, id] : list->members)
    if (Status status = addToken(tokenizer, text, &id, TokenType::Normal);
        !status)
      return status;
  if (const JsonValue *added = member(&tokenizer.json, "added_tokens"))
    for (const JsonValue &entry : added->items) {
      const JsonValue *special = member(&entry, "special");
      const JsonValue *content = member(&entry, "content");
      Status status = addToken(
          tokenizer, content ? content->text : "", member(&entry, "id"),
          special && special->boolean ? TokenType::Control
                                      : TokenType::UserDefined);
      if (!status)
        return status;
    }
  fillGaps(tokenizer);
  return Status::ok();
}

Result<std::vector<std::pair<std::string, std::string>>>
exporter::readMerges(const HubTokenizer &tokenizer) {
  std::vector<std::pair<std::string, std::string>> merges;
  const JsonValue *list = tokenizer.part("merges");
  if (!list)
    return invalid("expects merges, but got none");
  for (const JsonValue &entry : list->items) {
    if (entry.kind == JsonKind::ArrayBegin && entry.items.size() == 2) {
      merges.emplace_back(entry.items[0].text, entry.items[1].text);
      continue;
    }
    size_t blank = entry.text.find(' ', 1);
    if (entry.kind != JsonKind::String || blank == std::string::npos)
      return invalid("expects merges of two tokens, but got " +
                     describe(entry));
    merges.emplace_back(entry.text.substr(0, blank),
                        entry.text.substr(blank + 1));
  }
  return merges;
}

/// The id of the token that `key` of tokenizer_config.json names.
static std::optional<int64_t> specialId(const HubTokenizer &tokenizer,
                                        const char *key) {
  const JsonValue *value = member(&tokenizer.config, key);
  if (const JsonValue *content = member(value, "content"))
    value = content;
  if (!value || value->kind != JsonKind::String)
    return std::nullopt;
  auto found = tokenizer.ids.find(value->text);
  return found == tokenizer.ids.end() ? std::nullopt
                                      : std::optional(found->second);
}

/// All that config.json names at `key`, a number or a list.
static std::vector<int64_t> modelIds(const HubTokenizer &tokenizer,
                                     const char *key) {
  std::vector<int64_t> ids;
  const JsonValue *value = member(&tokenizer.model, key);
  if (!value)
    return ids;
  if (std::optional<int64_t> id = value->asInteger())
    ids.push_back(*id);
  for (const JsonValue &item : value->items)
    if (std::optional<int64_t> id = item.asInteger())
      ids.push_back(*id);
  return ids;
}

/// Whether a post-processor puts `token` before a text.
static bool beginsWith(const JsonValue *processor, const std::string &token) {
  if (const JsonValue *list = member(processor, "processors"))
    for (const JsonValue &item : list->items)
      if (beginsWith(&item, token))
        return true;
  const JsonValue *single = member(processor, "single");
  if (!single || single->items.empty())
    return false;
  const JsonValue *first = member(&single->items.front(), "SpecialToken");
  return isText(first, "id", token.c_str());
}

static void describeSpecial(const HubTokenizer &tokenizer, GgufValues &values) {
  std::optional<int64_t> bos = specialId(tokenizer, "bos_token");
  std::vector<int64_t> listed = modelIds(tokenizer, "bos_token_id");
  if (!bos && !listed.empty())
    bos = listed.front();
  std::optional<int64_t> eos = specialId(tokenizer, "eos_token");
  for (int64_t id : modelIds(tokenizer, "eos_token_id")) {
    if (!eos)
      eos = id;
    else if (id != *eos)
      values.u32("tokenizer.ggml.eot_token_id", id); // the first of several
  }
  if (bos)
    values.u32("tokenizer.ggml.bos_token_id", *bos);
  if (eos)
    values.u32("tokenizer.ggml.eos_token_id", *eos);
  if (std::optional<int64_t> pad = specialId(tokenizer, "pad_token"))
    values.u32("tokenizer.ggml.padding_token_id", *pad);
  const JsonValue *explicitly = member(&tokenizer.config, "add_bos_token");
  bool addsBos =
      explicitly ? explicitly->boolean
                 : bos && beginsWith(member(&tokenizer.json, "post_processor"),
                                     tokenizer.tokens[*bos]);
  values.boolean("tokenizer.ggml.add_bos_token", addsBos);
}

/// The template is text for others to read; nothing here looks into it.
static Status describeTemplate(const std::string &path,
                               const HubTokenizer &tokenizer,
                               GgufValues &values) {
  std::string file = path + "/chat_template.jinja";
  if (llvm::sys::fs::exists(file)) {
    Result<MappedFile> text = MappedFile::open(file);
    if (!text)
      return text.status();
    Span<const uint8_t> bytes = text->bytes();
    values.string("tokenizer.chat_template",
                  std::string_view(reinterpret_cast<const char *>(bytes.data()),
                                   bytes.size()));
    return Status::ok();
  }
  const JsonValue *found = member(&tokenizer.config, "chat_template");
  if (found && found->kind == JsonKind::ArrayBegin) {
    const JsonValue *list = found;
    found = nullptr;
    for (const JsonValue &entry : list->items)
      if (isText(&entry, "name", "default"))
        found = member(&entry, "template");
  }
  if (found && found->kind == JsonKind::String)
    values.string("tokenizer.chat_template", found->text);
  return Status::ok();
}

/// Whether a normalizer puts sentencepiece's mark in the place of blanks.
static bool marksBlanks(const JsonValue *step) {
  if (const JsonValue *list = member(step, "normalizers"))
    for (const JsonValue &item : list->items)
      if (marksBlanks(&item))
        return true;
  return isText(step, "type", "Replace") &&
         isText(step, "content", weights::blankPiece);
}

/// Whether pieces are those of sentencepiece, and not bytes.
static bool isSentencePiece(const HubTokenizer &tokenizer) {
  return tokenizer.flag("byte_fallback") ||
         marksBlanks(member(&tokenizer.json, "normalizer")) ||
         isText(member(&tokenizer.json, "pre_tokenizer"), "type", "Metaspace");
}

static Result<HubTokenizer> readFolder(const std::string &path,
                                       int64_t vocabulary) {
  HubTokenizer tokenizer;
  const std::pair<const char *, JsonValue *> files[] = {
      {"/tokenizer.json", &tokenizer.json},
      {"/tokenizer_config.json", &tokenizer.config},
      {"/config.json", &tokenizer.model},
  };
  for (auto [name, value] : files) {
    Result<JsonValue> read = readFile(path + name);
    if (!read)
      return read.status();
    *value = std::move(*read);
  }
  if (tokenizer.json.kind == JsonKind::Null)
    return tokenizer;
  Status status = readTokens(tokenizer, vocabulary);
  if (!status)
    return status.withContext(path + "/tokenizer.json");
  return tokenizer;
}

Status exporter::describeGgufTokenizer(const std::string &path,
                                       const ModelFacts &facts,
                                       GgufValues &values) {
  Result<HubTokenizer> tokenizer = readFolder(path, facts.vocabulary);
  if (!tokenizer)
    return tokenizer.status();
  if (tokenizer->json.kind == JsonKind::Null) {
    values.string("tokenizer.ggml.model", "none");
    return Status::ok();
  }
  Status status = isSentencePiece(*tokenizer)
                      ? describeSentencePiece(*tokenizer, values)
                      : describeByteLevel(*tokenizer, values);
  if (!status)
    return status.withContext(path + "/tokenizer.json");
  std::vector<std::string_view> tokens(tokenizer->tokens.begin(),
                                       tokenizer->tokens.end());
  std::vector<int32_t> types;
  for (TokenType type : tokenizer->types)
    types.push_back(static_cast<int32_t>(type));
  values.strings("tokenizer.ggml.tokens", tokens);
  values.i32s("tokenizer.ggml.token_type", types);
  describeSpecial(*tokenizer, values);
  return describeTemplate(path, *tokenizer, values);
}
