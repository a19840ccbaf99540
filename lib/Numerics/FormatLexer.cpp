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

Result<double> FormatLexer::number() {
  skipSpace();
  double value = 0;
  const char *begin = text.data() + position, *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || !std::isfinite(value))
    return expected("a finite number");
  position = size_t(stop - text.data());
  return value;
}

Result<float> FormatLexer::singleNumber() {
  skipSpace();
  float value = 0; // not through double, which would round twice
  const char *begin = text.data() + position, *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || !std::isfinite(value))
    return expected("a finite number");
  position = size_t(stop - text.data());
  return value;
}
