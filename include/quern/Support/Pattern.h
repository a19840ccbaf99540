// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Regular expressions from outside, matched in linear time.

#ifndef QUERN_SUPPORT_PATTERN_H
#define QUERN_SUPPORT_PATTERN_H

#include "quern/Base/Status.h"

#include <bitset>
#include <string>
#include <vector>

namespace quern {

/// A pattern in the part of Python's syntax that lists of module names use:
/// characters, `.`, `[...]`, `\d \w \s \D \W \S`, `( )`, `(?: )`, `|`, `*`,
/// `+`, `?`, `{m,n}`, each also lazy, `^`, `$`. Matching takes time in
/// proportion to the length of the text and that of the pattern; both, and what
/// repetition makes of the pattern, are bounded.
class Pattern {
public:
  /// Fails for other syntax, and for patterns that are too long.
  static Result<Pattern> parse(const std::string &text);

  /// Whether a beginning of `text` matches, as Python's `re.match` says.
  bool matches(const std::string &text) const;

  /// As it was written.
  const std::string &text() const { return written; }

private:
  friend class PatternParser;
  struct State {
    enum Kind { Set, Split, Begin, End, Accept } kind = Accept;
    size_t set = 0;       ///< Set: which bytes
    size_t next = 0;      ///< where to go on
    size_t otherwise = 0; ///< Split: or there
  };
  void enter(size_t state, size_t position, size_t length,
             std::vector<size_t> &active, std::vector<bool> &seen) const;

  std::string written;
  std::vector<State> states;
  std::vector<std::bitset<256>> sets;
  size_t start = 0;
};

} // namespace quern

#endif // QUERN_SUPPORT_PATTERN_H
