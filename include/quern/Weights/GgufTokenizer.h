// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What GGUF files say of tokenizers.

#ifndef QUERN_WEIGHTS_GGUFTOKENIZER_H
#define QUERN_WEIGHTS_GGUFTOKENIZER_H

#include "quern/Base/Span.h"

#include <cstdint>

namespace quern::weights {

/// By the numbers of `tokenizer.ggml.token_type`.
enum class TokenType : int64_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6,
};

/// How a text is cut into words, by `tokenizer.ggml.pre`.
struct WordSplit {
  const char *name;
  const char *pattern; ///< null: that of GPT-2
  bool normalizes;     ///< to NFC
  bool ignoresMerges;  ///< words of the vocabulary need no merges
  bool addsBos;
};

/// Those that are known.
Span<const WordSplit> wordSplits();

/// What stands for a blank in pieces of sentencepiece: U+2581.
constexpr const char *blankPiece = "\xe2\x96\x81";

} // namespace quern::weights

#endif // QUERN_WEIGHTS_GGUFTOKENIZER_H
