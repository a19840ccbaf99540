// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file JSON to text and back without exceptions.

#ifndef QUERN_LIB_ARTIFACT_JSONTEXT_H
#define QUERN_LIB_ARTIFACT_JSONTEXT_H

#include "quern/Base/Status.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace quern::artifact {

constexpr int kCompact = -1; ///< toText: no line breaks
constexpr int kIndented = 2; ///< toText: for people

/// The text of `value`; InvalidArgument if a string in it is not UTF-8.
Result<std::string> toText(const nlohmann::ordered_json &value, int indent);

/// The object that `text` is; empty if it is anything else.
std::optional<nlohmann::ordered_json> parseObject(const std::string &text);

/// A hash as 16 hexadecimal digits, and back; empty if `text` is not that.
std::string hashText(uint64_t hash);
std::optional<uint64_t> parseHash(const std::string &text);

} // namespace quern::artifact

#endif // QUERN_LIB_ARTIFACT_JSONTEXT_H
