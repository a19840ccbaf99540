// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Text of names and shapes from outside, safe to put into messages.

#include "quern/Support/Text.h"

namespace quern {

std::string inQuotes(const std::string &text) {
  constexpr size_t longest = 200;
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out = "'";
  for (size_t i = 0; i < text.size() && i < longest; ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != 0x7f) {
      out += text[i];
      continue;
    }
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out + (text.size() > longest ? "...'" : "'");
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
