// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The lexer that the texts of formats and of their registry share.

#include "FormatText.h"
#include <charconv>
#include <cmath>

using namespace quern;
using namespace quern::numerics;

static bool isWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '.';
}

void FormatLexer::skipSpace() {
  while (position < text.size() &&
         (text[position] == ' ' || text[position] == '\t' ||
          text[position] == '\n' || text[position] == '\r'))
    ++position;
}

bool FormatLexer::take(char c) {
  skipSpace();
  if (position >= text.size() || text[position] != c)
    return false;
  ++position;
  return true;
}

std::string FormatLexer::peekWord() {
  skipSpace();
  size_t end = position;
  while (end < text.size() && isWordChar(text[end]))
    ++end;
  return text.substr(position, end - position);
}

bool FormatLexer::takeWord(const char *word) {
  if (peekWord() != word)
    return false;
  position += std::char_traits<char>::length(word);
  return true;
}

std::string FormatLexer::found() {
  std::string word = peekWord();
  if (!word.empty())
    return "'" + word + "'";
  if (position >= text.size())
    return "the end";
  return std::string("'") + text[position] + "'";
}

Status FormatLexer::expected(const std::string &what) {
  skipSpace();
  return errorAt(position, "expects " + what + ", but got " + found());
}

Status FormatLexer::errorAt(size_t offset, const std::string &message) {
  errorOffset = offset;
  return Status::error(StatusCode::InvalidArgument, message);
}

Result<int64_t> FormatLexer::integer(int64_t least, int64_t most,
                                     const std::string &what) {
  std::string word = peekWord();
  int64_t value = 0;
  const char *end = word.data() + word.size();
  auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error != std::errc() || stop != end || value < least || value > most)
    return expected(what);
  position += word.size();
  return value;
}

/// A finite number. Read as the type that it is wanted in: one in binary32 that
/// went through binary64 would be rounded twice.
template <typename T> static Result<T> readNumber(FormatLexer &lexer) {
  lexer.skipSpace();
  T value = 0;
  const char *text = lexer.text.data();
  auto [stop, error] =
      std::from_chars(text + lexer.position, text + lexer.text.size(), value);
  if (error != std::errc() || !std::isfinite(value))
    return lexer.expected("a finite number");
  lexer.position = size_t(stop - text);
  return value;
}

Result<double> FormatLexer::number() { return readNumber<double>(*this); }

Result<float> FormatLexer::singleNumber() { return readNumber<float>(*this); }
