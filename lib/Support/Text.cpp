// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Text of names and shapes from outside, safe to put into messages.

#include "quern/Support/Text.h"

namespace quern {

/// Bytes of the UTF-8 character at `text[i]`; 0 if there is none, or one that
/// controls a terminal.
static size_t characterAt(const std::string &text, size_t i) {
  auto byte = [&](size_t k) {
    return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u;
  };
  unsigned first = byte(i);
  size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (length == 1)
    return first >= 0x20 && first != 0x7f ? 1 : 0;
  unsigned code = first & (0x7f >> length);
  for (size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xc0) != 0x80)
      return 0;
    code = code << 6 | (byte(i + k) & 0x3f);
  }
  // Longer than need be, a control character, a half of a surrogate pair, or
  // beyond the last one.
  constexpr unsigned least[] = {0, 0, 0xa0, 0x800, 0x10000};
  bool isOne = first >= 0xc0 && first < 0xf8 && code >= least[length] &&
               (code < 0xd800 || code > 0xdfff) && code <= 0x10ffff;
  return isOne ? length : 0;
}

std::string inQuotes(const std::string &text) {
  constexpr size_t longest = 200;
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out = "'";
  size_t i = 0;
  while (i < text.size() && i < longest) {
    auto byte = static_cast<unsigned char>(text[i]);
    size_t length = characterAt(text, i);
    if (length) {
      out.append(text, i, length);
      i += length;
      continue;
    }
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
    ++i;
  }
  return out + (i < text.size() ? "...'" : "'");
}

std::string shapeText(Span<const int64_t> shape) {
  constexpr size_t most = 16;
  std::string out = "[";
  for (size_t i = 0; i < shape.size() && i < most; ++i)
    out += (i ? ", " : "") + std::to_string(shape[i]);
  if (shape.size() > most)
    out += ", ... of " + std::to_string(shape.size()) + " extents";
  return out + "]";
}

} // namespace quern
