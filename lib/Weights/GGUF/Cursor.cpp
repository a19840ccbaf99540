// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Reading a file from front to back without leaving it.

#include "Cursor.h"

namespace quern::weights {

void Cursor::fail(const std::string &message) {
  if (first.isOk())
    first = Status::error(StatusCode::InvalidFile,
                          context.empty() ? message : context + ": " + message);
}

Span<const uint8_t> Cursor::take(uint64_t count, const char *field) {
  if (!first.isOk())
    return {};
  if (count > remaining()) {
    fail("truncated at byte " + std::to_string(file.size()) + ": expects " +
         field + " of " + std::to_string(count) + " bytes at byte " +
         std::to_string(at) + ", but the file ends after " +
         std::to_string(remaining()) + " of them");
    return {};
  }
  Span<const uint8_t> bytes = file.subspan(at, count);
  at += count;
  return bytes;
}

std::string_view Cursor::string(const char *field) {
  auto length = number<uint64_t>(field);
  if (first.isOk() && length > remaining())
    fail("string exceeds the file: expects " + std::string(field) +
         " of at most " + std::to_string(remaining()) +
         " bytes, but its length says " + std::to_string(length));
  Span<const uint8_t> bytes = take(length, field);
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

} // namespace quern::weights
