// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From the tokenizer of a GGUF file to that of the Hugging Face
// libraries.

#include "TokenizerParts.h"

#include "quern/Support/Text.h"

#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/JSON.h"

namespace quern::import {

using weights::MetadataType;
using weights::MetadataValue;

/// Reads the arrays of the vocabulary, which must be of one length.
static void readLists(Facts &facts, Vocabulary &vocabulary) {
  const MetadataValue *tokens = facts.array("tokens", MetadataType::String);
  if (!tokens || tokens->size() == 0)
    return facts.fail("tokens", "expects a list of tokens, but there is none");
  vocabulary.tokens = tokens->strings;
  auto read = [&](const char *key, MetadataType type) -> const MetadataValue * {
    const MetadataValue *list = facts.array(key, type);
    if (list && list->size() != tokens->size())
      facts.fail(key, "tokenizer inconsistency: expects one entry for each of "
                      "the " +
                          std::to_string(tokens->size()) + " tokens, but got " +
                          std::to_string(list->size()));
    return facts.status() ? list : nullptr;
  };
  if (const MetadataValue *list = read("scores", MetadataType::F32))
    for (size_t i = 0; i < list->size(); ++i)
      vocabulary.scores.push_back(float(*list->real(i)));
  if (const MetadataValue *list = read("token_type", MetadataType::I32))
    for (size_t i = 0; i < list->size(); ++i)
      vocabulary.types.push_back(static_cast<TokenType>(*list->integer(i)));
  else
    vocabulary.types.assign(tokens->size(), TokenType::Normal);
}

static bool isUtf8(std::string_view text) {
  const auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
  return llvm::isLegalUTF8String(&begin, begin + text.size());
}

/// Tokens are names of one id each, and go into a file of UTF-8.
static void indexTokens(Facts &facts, Vocabulary &vocabulary) {
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    std::string_view token = vocabulary.tokens[i];
    auto [found, isNew] = vocabulary.ids.try_emplace(token, int64_t(i));
    if (!isNew)
      return facts.fail("tokens", "tokenizer inconsistency: expects distinct "
                                  "tokens, but " +
                                      inQuotes(std::string(token)) + " is " +
                                      std::to_string(found->second) + " and " +
                                      std::to_string(i));
    if (!isUtf8(token))
      return facts.fail("tokens", "expects UTF-8, but token " +
                                      std::to_string(i) + " is not");
    int64_t type = int64_t(vocabulary.types[i]);
    if (type < 1 || type > 6)
      return facts.fail("token_type", "expects types from 1 to 6, but got " +
                                          std::to_string(type) + " for token " +
                                          std::to_string(i));
  }
}

static std::optional<int64_t> readId(Facts &facts, const char *key,
                                     const Vocabulary &vocabulary) {
  if (!facts.has(key))
    return std::nullopt;
  int64_t id = facts.count(key, 0, UINT32_MAX, 0);
  auto count = int64_t(vocabulary.tokens.size());
  if (id < count)
    return id;
  facts.fail(key, "tokenizer inconsistency: expects the number of a token, "
                  "below " +
                      std::to_string(count) + ", but got " +
                      std::to_string(id));
  return std::nullopt;
}

/// Tokens that are found in a text before anything else is.
static void writeAddedTokens(llvm::json::OStream &json,
                             const Vocabulary &vocabulary) {
  json.attributeArray("added_tokens", [&] {
    for (size_t i = 0; i < vocabulary.tokens.size(); ++i) {
      TokenType type = vocabulary.types[i];
      bool isSpecial = type == TokenType::Control || type == TokenType::Unknown;
      if (!isSpecial && type != TokenType::UserDefined)
        continue;
      json.object([&] {
        json.attribute("id", int64_t(i));
        json.attribute("content", textOf(vocabulary.tokens[i]));
        for (const char *off : {"single_word", "lstrip", "rstrip"})
          json.attribute(off, false);
        json.attribute("normalized", false);
        json.attribute("special", isSpecial);
      });
    }
  });
}

void writeModel(llvm::json::OStream &json, const Vocabulary &vocabulary,
                const BpeOptions &options) {
  json.attributeObject("model", [&] {
    json.attribute("type", "BPE");
    json.attribute("dropout", nullptr);
    json.attribute("unk_token", options.unknown
                                    ? llvm::json::Value(textOf(
                                          vocabulary.tokens[*options.unknown]))
                                    : llvm::json::Value(nullptr));
    json.attribute("continuing_subword_prefix", nullptr);
    json.attribute("end_of_word_suffix", nullptr);
    json.attribute("fuse_unk", options.unknown.has_value());
    json.attribute("byte_fallback", options.hasBytes);
    json.attribute("ignore_merges", options.ignoresMerges);
    json.attributeObject("vocab", [&] {
      for (size_t i = 0; i < vocabulary.tokens.size(); ++i)
        json.attribute(textOf(vocabulary.tokens[i]), int64_t(i));
    });
    json.attributeArray("merges", [&] {
      for (const Merge &merge : options.merges)
        json.array([&] {
          json.value(textOf(merge.left));
          json.value(textOf(merge.right));
        });
    });
  });
}

using WriteParts = std::function<void(llvm::json::OStream &)>;

static std::string tokenizerText(const Vocabulary &vocabulary,
                                 const WriteParts &writeParts) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  json.object([&] {
    json.attribute("version", "1.0");
    json.attribute("truncation", nullptr);
    json.attribute("padding", nullptr);
    writeAddedTokens(json, vocabulary);
    json.attribute("post_processor", nullptr);
    writeParts(json);
  });
  return text;
}

static std::string configText(const Vocabulary &vocabulary,
                              const TokenizerFiles &files, bool addsBos) {
  llvm::json::Object config{{"tokenizer_class", "PreTrainedTokenizerFast"},
                            {"add_bos_token", addsBos}};
  if (files.bosTokenId)
    config["bos_token"] = textOf(vocabulary.tokens[*files.bosTokenId]);
  if (!files.eosTokenIds.empty())
    config["eos_token"] = textOf(vocabulary.tokens[files.eosTokenIds[0]]);
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(config));
  return text;
}

/// Reads what the kinds of tokenizers share.
static void readVocabulary(Facts &facts, Vocabulary &vocabulary,
                           TokenizerFiles &files) {
  readLists(facts, vocabulary);
  if (!facts.status())
    return;
  indexTokens(facts, vocabulary);
  files.bosTokenId = readId(facts, "bos_token_id", vocabulary);
  for (const char *key : {"eos_token_id", "eot_token_id"})
    if (std::optional<int64_t> id = readId(facts, key, vocabulary))
      files.eosTokenIds.push_back(*id);
  vocabulary.unknown = readId(facts, "unknown_token_id", vocabulary);
}

Result<std::optional<TokenizerFiles>>
ggufTokenizer(const weights::Metadata &metadata, const std::string &path) {
  Facts facts(metadata, path, "tokenizer.ggml.");
  std::string kind = facts.string("model", "none");
  if (facts.status() && kind == "none")
    return std::optional<TokenizerFiles>();
  if (kind != "gpt2" && kind != "llama")
    facts.fail("model",
               "expects a tokenizer 'gpt2', 'llama' or 'none', but got " +
                   inQuotes(kind),
               StatusCode::Unsupported);
  Vocabulary vocabulary;
  TokenizerFiles files;
  bool addsBos = false;
  WriteParts parts;
  if (facts.status())
    readVocabulary(facts, vocabulary, files);
  if (facts.status())
    parts = kind == "gpt2" ? readByteLevel(facts, vocabulary, addsBos)
                           : readSentencePiece(facts, vocabulary, addsBos);
  addsBos = facts.boolean("add_bos_token", addsBos);
  if (addsBos && !files.bosTokenId)
    facts.fail("add_bos_token", "tokenizer inconsistency: expects a "
                                "bos_token_id, but there is none");
  if (!facts.status())
    return facts.status();
  files.tokenizer = tokenizerText(vocabulary, parts);
  files.config = configText(vocabulary, files, addsBos);
  return std::optional<TokenizerFiles>(std::move(files));
}

} // namespace quern::import
