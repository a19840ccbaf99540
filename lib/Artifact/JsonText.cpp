// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file JSON to text and back without exceptions.

#include "JsonText.h"

#include <cinttypes>
#include <cstdio>

using namespace quern;
using namespace quern::artifact;
using nlohmann::ordered_json;

Result<std::string> artifact::toText(const ordered_json &value, int indent) {
  using Handler = nlohmann::detail::error_handler_t;
  std::string text =
      value.dump(indent, ' ', /*ensure_ascii=*/false, Handler::replace);
  // The library can only throw, replace or drop bytes that are not UTF-8: what
  // it dropped makes the text shorter than what it replaced.
  if (value.dump(indent, ' ', false, Handler::ignore).size() != text.size())
    return Status::error(StatusCode::InvalidArgument,
                         "expects UTF-8 text, but got other bytes: " + text);
  return text;
}

std::optional<ordered_json> artifact::parseObject(const std::string &text) {
  ordered_json value = ordered_json::parse(text, /*callback=*/nullptr,
                                           /*allow_exceptions=*/false);
  if (!value.is_object())
    return std::nullopt;
  return value;
}

std::string artifact::hashText(uint64_t hash) {
  char text[17];
  snprintf(text, sizeof(text), "%016" PRIx64, hash);
  return text;
}

std::optional<uint64_t> artifact::parseHash(const std::string &text) {
  if (text.size() != 16 ||
      text.find_first_not_of("0123456789abcdef") != std::string::npos)
    return std::nullopt;
  return std::stoull(text, nullptr, 16);
}
