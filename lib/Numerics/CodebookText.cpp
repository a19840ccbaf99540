// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The text of codebooks.
//
//   codebook := '[' entry (',' entry)* ']' [ '{' WORD* '}' ]
//   entry    := NUMBER | '[' NUMBER (',' NUMBER)* ']'
//
// With words, the entries are numbers and each word is a vector: its letters
// 0 … 9, a … z are their indices.

#include "FormatText.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

static constexpr size_t mostEntries = 65536;
static constexpr size_t mostScalars = 256;

/// One entry; all have the size of the first.
static Status parseEntry(FormatLexer &lexer, Codebook &codebook) {
  bool isVector = lexer.take('['), isFirst = codebook.values.empty();
  lexer.skipSpace();
  size_t begin = lexer.position, before = codebook.values.size();
  do {
    Result<float> value = lexer.singleNumber();
    if (!value)
      return value.status();
    codebook.values.push_back(*value);
  } while (isVector && lexer.take(','));
  if (isVector && !lexer.take(']'))
    return lexer.expected("',' or ']' in a vector");
  size_t size = codebook.values.size() - before;
  if (isFirst)
    codebook.vectorSize = unsigned(size);
  if (size == codebook.vectorSize)
    return Status::ok();
  return lexer.errorAt(
      begin, "expects vectors of " + std::to_string(codebook.vectorSize) +
                 " values, as the first, but got " + std::to_string(size));
}

/// Index of a letter of a word, or -1.
static int indexOf(char letter) {
  if (letter >= '0' && letter <= '9')
    return letter - '0';
  return letter >= 'a' && letter <= 'z' ? letter - 'a' + 10 : -1;
}

/// Replaces the values by the vectors that the words spell.
static Status parseWords(FormatLexer &lexer, Codebook &codebook) {
  std::vector<float> letters = std::move(codebook.values);
  codebook.values.clear();
  while (!lexer.take('}')) {
    std::string word = lexer.peekWord();
    if (word.empty())
      return lexer.expected("a word of digits or '}'");
    if (codebook.values.empty())
      codebook.vectorSize = unsigned(word.size());
    if (word.size() != codebook.vectorSize)
      return lexer.expected("a word of " + std::to_string(codebook.vectorSize) +
                            " digits, as the first");
    for (char letter : word) {
      int index = indexOf(letter);
      if (index < 0 || size_t(index) >= letters.size())
        return lexer.expected("digits below " + std::to_string(letters.size()) +
                              ", the number of values");
      codebook.values.push_back(letters[size_t(index)]);
    }
    lexer.position += word.size();
  }
  return Status::ok();
}

static Status checkSizes(FormatLexer &lexer, size_t begin,
                         const Codebook &codebook) {
  unsigned size = codebook.vectorSize;
  if (size == 0 || size > 16 || (size & (size - 1)) != 0)
    return lexer.errorAt(begin, "expects vectors of 1, 2, 4, 8 or 16 values, "
                                "but got " +
                                    std::to_string(size));
  size_t count = codebook.values.size() / size;
  size_t most = size == 1 ? mostScalars : mostEntries;
  if (count >= 2 && count <= most && (count & (count - 1)) == 0)
    return Status::ok();
  return lexer.errorAt(begin, "expects a codebook of 2, 4, 8, ... or " +
                                  std::to_string(most) +
                                  (size == 1 ? " values" : " vectors") +
                                  ", but got " + std::to_string(count));
}

Result<Codebook> numerics::parseCodebook(FormatLexer &lexer) {
  lexer.skipSpace();
  if (!lexer.take('['))
    return lexer.expected("'[' before the values of a codebook");
  lexer.skipSpace();
  size_t begin = lexer.position;
  Codebook codebook;
  do {
    if (Status s = parseEntry(lexer, codebook); !s)
      return s;
  } while (lexer.take(','));
  if (!lexer.take(']'))
    return lexer.expected("',' or ']' in a codebook");
  if (codebook.vectorSize == 1 && lexer.take('{'))
    if (Status s = parseWords(lexer, codebook); !s)
      return s;
  if (Status s = checkSizes(lexer, begin, codebook); !s)
    return s;
  return codebook;
}

std::string numerics::printCodebook(const Codebook &codebook) {
  std::string text = "[";
  size_t size = codebook.vectorSize;
  for (size_t i = 0; i < codebook.values.size(); ++i) {
    if (i != 0)
      text += ", ";
    if (size > 1 && i % size == 0)
      text += "[";
    text += printNumber(codebook.values[i]);
    if (size > 1 && i % size == size - 1)
      text += "]";
  }
  return text + "]";
}
