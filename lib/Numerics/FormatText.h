// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The lexer that the texts of formats and of their registry share.

#ifndef QUERN_LIB_NUMERICS_FORMATTEXT_H
#define QUERN_LIB_NUMERICS_FORMATTEXT_H

#include "quern/Numerics/Format.h"

namespace quern::numerics {

/// Walks over a text; remembers where the first error was.
struct FormatLexer {
  const std::string &text;
  size_t position = 0;
  size_t errorOffset = 0;

  void skipSpace();
  /// Skips `c`, if it comes next.
  bool take(char c);
  /// The letters, digits, dots and underscores that come next.
  std::string peekWord();
  /// Skips `word`, if it is the whole word that comes next.
  bool takeWord(const char *word);
  /// From `least` to `most`; `what` says so in an error.
  Result<int64_t> integer(int64_t least, int64_t most, const std::string &what);
  Result<double> number();
  Result<float> singleNumber();
  /// What comes next, quoted for a message.
  std::string found();
  /// "expects WHAT, but got FOUND" at the next token.
  Status expected(const std::string &what);
  Status errorAt(size_t offset, const std::string &message);
};

/// `[v0, v1, …]`, `[[v00, v01], …]` or `[v0, v1, …] { 0101 … }`
Result<Codebook> parseCodebook(FormatLexer &lexer);
std::string printCodebook(const Codebook &codebook);

/// An extent of a block.
std::string printExtent(int64_t extent);
/// `element` or `(format)`: what a level is scaled or transformed by.
Result<Format> parseOperand(FormatLexer &lexer, const FormatRegistry &registry);
/// `, columns …` as often as it comes, into `format`.
Status parseColumns(FormatLexer &lexer, const FormatRegistry &registry,
                    Format &format);

/// The shortest text that reads back as `value`.
std::string printNumber(double value);
std::string printNumber(float value);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_FORMATTEXT_H
