// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Typed and checked access to a model's config.json.

#ifndef QUERN_LIB_IMPORT_HUGGINGFACE_CONFIG_H
#define QUERN_LIB_IMPORT_HUGGINGFACE_CONFIG_H

#include "quern/Base/Status.h"
#include "quern/Support/Json.h"

#include <functional>
#include <optional>
#include <string>

namespace quern::import {

/// A number for a message.
std::string realText(double number);

/// Reads members of one JSON object. The first error is kept in `status()`;
/// after it, readers return harmless values, so that a family reads all that it
/// needs in a row and its caller checks once. A member that is null counts as
/// absent. Errors read `file: 'key': expects …`.
class Config {
public:
  /// Reads the file at `path`, which must hold an object.
  static Result<Config> read(const std::string &path);
  /// Reads a text, which must be one object; `where` is said in messages.
  static Result<Config> parse(Span<const uint8_t> text,
                              const std::string &where);

  const Status &status() const { return first; }
  /// Keeps an error about member `key`, unless there is one already.
  void fail(const std::string &key, const std::string &message,
            StatusCode code = StatusCode::InvalidFile);
  /// Keeps the first error of `other`, a part of this object.
  void adopt(const Config &other);

  bool has(const std::string &key) const { return find(key) != nullptr; }
  /// Whether the member is written, be it as null.
  bool mentions(const std::string &key) const { return value.find(key); }

  /// An integer in [1, limit]. Without `fallback` the member must be there.
  int64_t positive(const std::string &key, int64_t limit,
                   std::optional<int64_t> fallback = std::nullopt) {
    return integer(key, 1, limit, fallback);
  }
  /// An integer in [least, most].
  int64_t integer(const std::string &key, int64_t least, int64_t most,
                  std::optional<int64_t> fallback = std::nullopt);
  /// A number in [least, most].
  double real(const std::string &key, double least, double most,
              std::optional<double> fallback = std::nullopt);
  bool boolean(const std::string &key, bool fallback);
  std::string string(const std::string &key, const std::string &fallback);
  /// A list of strings; empty if absent.
  std::vector<std::string> strings(const std::string &key);
  /// A list of numbers in [least, most]; empty if absent.
  std::vector<double> reals(const std::string &key, double least, double most);
  /// The object that is member `key`, if there is one.
  std::optional<Config> object(const std::string &key);
  /// A list of integers in [least, most]; empty if absent.
  std::vector<int64_t> integers(const std::string &key, int64_t least,
                                int64_t most);
  /// The names of all members.
  std::vector<std::string> keys() const;

private:
  Config(std::string file, std::string prefix, JsonValue value)
      : file(std::move(file)), prefix(std::move(prefix)),
        value(std::move(value)) {}
  const JsonValue *find(const std::string &key) const;
  void expected(const std::string &key, const std::string &what,
                const JsonValue &found);
  /// Calls `take` with the items of a list; those that it does not take are
  /// not `what` is expected.
  void readList(const std::string &key, const std::string &what,
                const std::function<bool(const JsonValue &)> &take);
  void absent(const std::string &key);

  std::string file;
  std::string prefix; ///< of keys in messages: `rope_scaling.`
  JsonValue value;
  Status first;
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_CONFIG_H
