// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Messages that point at a character of a format's text.

#include "quern/Numerics/FormatDiagnostics.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

/// Bytes shown before and after the character.
static constexpr size_t kBefore = 60, kAfter = 30;

/// Whether `text` can be cut before byte `at` without splitting a character.
static bool isBoundary(const std::string &text, size_t at) {
  return at >= text.size() || (uint8_t(text[at]) & 0xC0) != 0x80;
}

std::string numerics::pointAt(const std::string &text, size_t offset) {
  offset = std::min(offset, text.size());
  size_t begin = offset > kBefore ? offset - kBefore : 0;
  size_t end = std::min(text.size(), offset + kAfter);
  while (!isBoundary(text, begin))
    ++begin;
  while (!isBoundary(text, end))
    ++end;
  std::string line = begin > 0 ? "..." : "";
  size_t column = line.size();
  for (size_t i = begin; i < end; ++i) {
    line += uint8_t(text[i]) < ' ' || text[i] == 127 ? ' ' : text[i];
    column += i < offset && isBoundary(text, i);
  }
  if (end < text.size())
    line += "...";
  return "\n  " + line + "\n  " + std::string(column, ' ') + "^";
}

Result<Format> numerics::resolveOption(const FormatRegistry &registry,
                                       const std::string &text) {
  size_t offset = 0;
  Result<Format> format = registry.resolve(text, &offset);
  if (format || format.status().code() == StatusCode::NotFound)
    return format;
  return Status::error(format.status().code(),
                       format.status().message() + pointAt(text, offset));
}
