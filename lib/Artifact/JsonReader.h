// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Reads the members of a JSON object that may be anything.

#ifndef QUERN_LIB_ARTIFACT_JSONREADER_H
#define QUERN_LIB_ARTIFACT_JSONREADER_H

#include "quern/Base/Status.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace quern::artifact {

/// Reads typed members of one object. The first thing wrong becomes the status,
/// and everything read after it is empty: check the status once, at the end.
class JsonReader {
public:
  using Json = nlohmann::ordered_json;

  /// `place` names `value` in messages, "" at the root. Both `value` and
  /// `status` outlive the reader.
  JsonReader(const Json &value, std::string place, Status &status);

  std::string text(const char *key);
  uint64_t count(const char *key);
  /// Finite and not negative.
  double number(const char *key);
  bool flag(const char *key);
  std::vector<std::string> texts(const char *key);
  std::vector<uint64_t> counts(const char *key);
  /// An object; an array. Empty ones on error.
  const Json &object(const char *key);
  const Json &array(const char *key);
  /// The member, whatever it is; null if it is missing.
  const Json &any(const char *key);

  /// A reader of `child`, which `object` or an element of `array` gave.
  JsonReader inside(const Json &child, const std::string &name) const {
    return JsonReader(child, at(name), status);
  }

  /// Records "key 'place.key' expects `what`, but got `value`".
  void fail(const std::string &key, const char *what, const Json &value);

private:
  const Json &expect(const char *key, bool (*accepts)(const Json &value),
                     const char *what, const Json &fallback);
  std::string at(const std::string &key) const {
    return place.empty() ? key : place + "." + key;
  }

  const Json &value;
  std::string place;
  Status &status;
};

} // namespace quern::artifact

#endif // QUERN_LIB_ARTIFACT_JSONREADER_H
