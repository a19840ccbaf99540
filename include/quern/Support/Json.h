// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A strict reader of JSON from outside: as events, or as a small tree.

#ifndef QUERN_SUPPORT_JSON_H
#define QUERN_SUPPORT_JSON_H

#include "quern/Base/Span.h"
#include "quern/Base/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quern {

/// What an event or a value is. `Integer` is a number written without fraction
/// and exponent that fits 64 bits; every other number is `Real`.
enum class JsonKind {
  Null,
  Boolean,
  Integer,
  Real,
  String,
  Key, ///< events only: the next event is this key's value
  ObjectBegin,
  ObjectEnd, ///< events only
  ArrayBegin,
  ArrayEnd, ///< events only
};

/// One step of reading a JSON text from begin to end.
struct JsonEvent {
  explicit JsonEvent(JsonKind kind) : kind(kind) {}

  JsonKind kind;
  bool boolean = false;
  bool negative = false;  ///< Integer: a minus sign was written
  uint64_t magnitude = 0; ///< Integer: the absolute value
  double real = 0;        ///< Integer and Real: the value
  std::string text;       ///< String and Key: the text; Real: as written
};

/// The event as a phrase for a message, such as `the number 1e3`.
std::string describe(const JsonEvent &event);

/// Receives events. After the first error no more events arrive.
class JsonHandler {
public:
  virtual ~JsonHandler();
  virtual Status onEvent(JsonEvent &event) = 0;
};

/// How deep objects and arrays may nest.
constexpr size_t jsonDepthLimit = 32;

/// Reads all of `text`, which must be one JSON value in UTF-8 without a byte
/// order mark, and nothing but white space after it. Memory is bounded by the
/// longest token. A text that nests deeper than `jsonDepthLimit` or is not
/// JSON is reported as such even if `handler` objects to an earlier event.
/// Keys may repeat: whoever stores them detects that.
Status readJson(Span<const uint8_t> text, JsonHandler &handler);

/// A JSON value with everything in it.
struct JsonValue {
  JsonKind kind = JsonKind::Null;
  bool boolean = false;
  bool negative = false;
  uint64_t magnitude = 0;
  double real = 0;
  std::string text;
  std::vector<JsonValue> items;                           ///< of an array
  std::vector<std::pair<std::string, JsonValue>> members; ///< of an object

  /// The value of member `key`, or null if there is none.
  const JsonValue *find(const std::string &key) const;

  /// The value of an Integer that fits int64_t.
  std::optional<int64_t> asInteger() const;
};

/// The value as a phrase for a message, such as `the string 'x'`.
std::string describe(const JsonValue &value);

/// Reads a text of at most `largest` bytes, by default 1 MiB, which
/// configuration files have. The tree takes about a hundred bytes for each
/// value. Repeated keys are an error.
Result<JsonValue> parseJson(Span<const uint8_t> text, size_t largest = size_t(1)
                                                                       << 20);

} // namespace quern

#endif // QUERN_SUPPORT_JSON_H
