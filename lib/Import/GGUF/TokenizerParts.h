// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The kinds of tokenizers in GGUF files.

#ifndef QUERN_LIB_IMPORT_GGUF_TOKENIZERPARTS_H
#define QUERN_LIB_IMPORT_GGUF_TOKENIZERPARTS_H

#include "Facts.h"
#include "quern/Import/Import.h"
#include "quern/Weights/GgufTokenizer.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"

#include <functional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace quern::import {

using weights::TokenType;

struct Vocabulary {
  std::vector<std::string_view> tokens;
  std::vector<float> scores; ///< empty, or one a token
  std::vector<TokenType> types;
  std::unordered_map<std::string_view, int64_t> ids;
  std::optional<int64_t> unknown;
};

/// Two neighbouring pieces that become one.
struct Merge {
  std::string_view left;
  std::string_view right;
};

/// What byte-pair encoders differ in.
struct BpeOptions {
  std::vector<Merge> merges;
  std::optional<int64_t> unknown;
  bool hasBytes = false;      ///< a token for each byte of what has none
  bool ignoresMerges = false; ///< words of the vocabulary need no merges
};

inline llvm::StringRef textOf(std::string_view text) {
  return {text.data(), text.size()};
}

/// Writes the member `model` of tokenizer.json.
void writeModel(llvm::json::OStream &json, const Vocabulary &vocabulary,
                const BpeOptions &options);

/// Each reads the rest of one kind, says whether a text begins with BOS unless
/// the file says otherwise, and returns what writes the members `normalizer`,
/// `pre_tokenizer`, `decoder` and `model`. Errors are kept in `facts`.
std::function<void(llvm::json::OStream &)>
readByteLevel(Facts &facts, const Vocabulary &vocabulary, bool &addsBos);
std::function<void(llvm::json::OStream &)>
readSentencePiece(Facts &facts, const Vocabulary &vocabulary, bool &addsBos);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_GGUF_TOKENIZERPARTS_H
