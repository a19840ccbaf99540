// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How llama.cpp cuts texts into words.

#include "quern/Weights/GgufTokenizer.h"

#include <iterator>

namespace quern::weights {

/// Digits go three by three.
static constexpr const char *threeDigits =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/// Each digit is a word.
static constexpr const char *oneDigit =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/// Sources: llama.cpp, src/llama-vocab.cpp; the tokenizer.json of each model.
static constexpr WordSplit splits[] = {
    {"gpt-2", nullptr, false, false, false},
    {"llama-bpe", threeDigits, false, true, true},
    {"qwen2", oneDigit, true, false, false},
};

Span<const WordSplit> wordSplits() {
  return Span<const WordSplit>(splits, std::size(splits));
}

} // namespace quern::weights
