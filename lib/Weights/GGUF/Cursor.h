// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Reading a file from front to back without leaving it.

#ifndef QUERN_LIB_WEIGHTS_GGUF_CURSOR_H
#define QUERN_LIB_WEIGHTS_GGUF_CURSOR_H

#include "quern/Base/Span.h"
#include "quern/Base/Status.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace quern::weights {

/// Reads little-endian numbers and strings. The first error is kept in
/// `status()`; after it, readers return zeros and do not move, so that a caller
/// reads the fields of one entry in a row and checks once.
class Cursor {
public:
  explicit Cursor(Span<const uint8_t> file) : file(file) {}

  const Status &status() const { return first; }
  uint64_t position() const { return at; }
  uint64_t remaining() const { return file.size() - at; }

  /// Names what is being read, for messages: "tensor 3".
  void enter(std::string what) { context = std::move(what); }
  /// Keeps an error about `context`, unless there is one already.
  void fail(const std::string &message);

  template <typename T> T number(const char *field) {
    T value{};
    Span<const uint8_t> bytes = take(sizeof(T), field);
    if (bytes.size() == sizeof(T))
      std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  /// A length of 64 bits and as many bytes.
  std::string_view string(const char *field);
  /// The next `count` bytes; none after an error.
  Span<const uint8_t> take(uint64_t count, const char *field);

private:
  Span<const uint8_t> file;
  uint64_t at = 0;
  std::string context;
  Status first;
};

} // namespace quern::weights

#endif // QUERN_LIB_WEIGHTS_GGUF_CURSOR_H
