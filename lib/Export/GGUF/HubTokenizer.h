// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A tokenizer as the Hugging Face libraries store it.

#ifndef QUERN_LIB_EXPORT_GGUF_HUBTOKENIZER_H
#define QUERN_LIB_EXPORT_GGUF_HUBTOKENIZER_H

#include "quern/Export/Gguf.h"
#include "quern/Support/Json.h"
#include "quern/Weights/GgufTokenizer.h"

#include <unordered_map>

namespace quern::exporter {

using weights::TokenType;

/// tokenizer.json and what stands beside it. Texts point into it.
struct HubTokenizer {
  JsonValue json;                  ///< tokenizer.json
  JsonValue config;                ///< tokenizer_config.json, or null
  JsonValue model;                 ///< config.json
  std::vector<std::string> tokens; ///< as many as the model has
  std::vector<TokenType> types;
  std::unordered_map<std::string, int64_t> ids;

  /// Member `key` of the member `model` of tokenizer.json; null if none.
  const JsonValue *part(const char *key) const;
  bool flag(const char *key) const;
};

/// A value of `object`, which may be null, at `key`; null if it is not there or
/// JSON's null.
const JsonValue *member(const JsonValue *object, const char *key);
/// Whether `object` has the text `value` at `key`.
bool isText(const JsonValue *object, const char *key, const char *value);

/// The two texts of each merge. Fails for what is none.
Result<std::vector<std::pair<std::string, std::string>>>
readMerges(const HubTokenizer &tokenizer);

/// Each adds `tokenizer.ggml.model` and what belongs to that kind.
Status describeByteLevel(const HubTokenizer &tokenizer, GgufValues &values);
Status describeSentencePiece(HubTokenizer &tokenizer, GgufValues &values);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_GGUF_HUBTOKENIZER_H
