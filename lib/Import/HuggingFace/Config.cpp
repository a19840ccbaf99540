// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Typed and checked access to a model's config.json.

#include "Config.h"

#include "quern/Base/MappedFile.h"
#include "quern/Support/Text.h"

#include <cstdio>

namespace quern::import {

std::string realText(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", number);
  return text;
}

Result<Config> Config::read(const std::string &path) {
  Result<MappedFile> map = MappedFile::open(path);
  if (!map)
    return map.status();
  return parse(map->bytes(), path);
}

Result<Config> Config::parse(Span<const uint8_t> text,
                             const std::string &where) {
  Result<JsonValue> value = parseJson(text);
  if (!value)
    return value.status().withContext(where);
  if (value->kind != JsonKind::ObjectBegin)
    return Status::error(StatusCode::InvalidFile,
                         where + ": expects an object, but got " +
                             describe(*value));
  return Config(where, "", std::move(*value));
}

void Config::fail(const std::string &key, const std::string &message,
                  StatusCode code) {
  if (first.isOk())
    first = Status::error(code, file + ": " + inQuotes(prefix + key) + ": " +
                                    message);
}

void Config::adopt(const Config &other) {
  if (first.isOk())
    first = other.first;
}

const JsonValue *Config::find(const std::string &key) const {
  const JsonValue *member = value.find(key);
  return member && member->kind != JsonKind::Null ? member : nullptr;
}

void Config::expected(const std::string &key, const std::string &what,
                      const JsonValue &found) {
  fail(key, "expects " + what + ", but got " + describe(found));
}

void Config::absent(const std::string &key) {
  fail(key, "expects a value, but there is none");
}

int64_t Config::integer(const std::string &key, int64_t least, int64_t most,
                        std::optional<int64_t> fallback) {
  const JsonValue *member = find(key);
  if (!member) {
    if (!fallback)
      absent(key);
    return fallback.value_or(least);
  }
  std::optional<int64_t> number = member->asInteger();
  if (number && *number >= least && *number <= most)
    return *number;
  expected(key,
           "an integer from " + std::to_string(least) + " to " +
               std::to_string(most),
           *member);
  return least;
}

double Config::real(const std::string &key, double least, double most,
                    std::optional<double> fallback) {
  const JsonValue *member = find(key);
  if (!member) {
    if (!fallback)
      absent(key);
    return fallback.value_or(least);
  }
  bool isNumber =
      member->kind == JsonKind::Integer || member->kind == JsonKind::Real;
  if (isNumber && member->real >= least && member->real <= most)
    return member->real;
  expected(key, "a number from " + realText(least) + " to " + realText(most),
           *member);
  return least;
}

bool Config::boolean(const std::string &key, bool fallback) {
  const JsonValue *member = find(key);
  if (!member)
    return fallback;
  if (member->kind != JsonKind::Boolean)
    expected(key, "true or false", *member);
  return member->boolean;
}

std::string Config::string(const std::string &key,
                           const std::string &fallback) {
  const JsonValue *member = find(key);
  if (!member)
    return fallback;
  if (member->kind == JsonKind::String)
    return member->text;
  expected(key, "a string", *member);
  return fallback;
}

void Config::readList(const std::string &key, const std::string &what,
                      const std::function<bool(const JsonValue &)> &take) {
  const JsonValue *member = find(key);
  if (!member)
    return;
  if (member->kind != JsonKind::ArrayBegin)
    return expected(key, what, *member);
  for (const JsonValue &item : member->items)
    if (!take(item))
      expected(key, what, item);
}

std::vector<std::string> Config::strings(const std::string &key) {
  std::vector<std::string> result;
  readList(key, "an array of strings", [&](const JsonValue &item) {
    result.push_back(item.text);
    return item.kind == JsonKind::String;
  });
  return result;
}

std::vector<double> Config::reals(const std::string &key, double least,
                                  double most) {
  std::vector<double> result;
  readList(key,
           "an array of numbers from " + realText(least) + " to " +
               realText(most),
           [&](const JsonValue &item) {
             result.push_back(item.real);
             bool isNumber =
                 item.kind == JsonKind::Integer || item.kind == JsonKind::Real;
             return isNumber && item.real >= least && item.real <= most;
           });
  return result;
}

std::vector<int64_t> Config::integers(const std::string &key, int64_t least,
                                      int64_t most) {
  std::vector<int64_t> result;
  readList(key,
           "an array of integers from " + std::to_string(least) + " to " +
               std::to_string(most),
           [&](const JsonValue &item) {
             std::optional<int64_t> number = item.asInteger();
             bool isGood = number && *number >= least && *number <= most;
             result.push_back(isGood ? *number : least);
             return isGood;
           });
  return result;
}

std::vector<std::string> Config::keys() const {
  std::vector<std::string> names;
  for (auto &[name, member] : value.members)
    names.push_back(name);
  return names;
}

std::optional<Config> Config::object(const std::string &key) {
  const JsonValue *member = find(key);
  if (!member)
    return std::nullopt;
  if (member->kind != JsonKind::ObjectBegin) {
    expected(key, "an object", *member);
    return std::nullopt;
  }
  return Config(file, prefix + key + ".", *member);
}

} // namespace quern::import
