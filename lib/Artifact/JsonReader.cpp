// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Reads the members of a JSON object that may be anything.

#include "JsonReader.h"

#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::artifact;
using Json = JsonReader::Json;

namespace {

// A value in a message is cut after this many bytes.
constexpr size_t kShownBytes = 60;

/// What is read where nothing can be.
struct Fallbacks {
  const Json null = nullptr;
  const Json object = Json::object();
  const Json array = Json::array();
  const Json text = "";
  const Json count = uint64_t(0);
  const Json number = 0.0;
  const Json flag = false;
};

const Fallbacks &fallbacks() {
  static const Fallbacks values;
  return values;
}

bool isText(const Json &value) { return value.is_string(); }
bool isCount(const Json &value) { return value.is_number_unsigned(); }
bool isFlag(const Json &value) { return value.is_boolean(); }
bool isObject(const Json &value) { return value.is_object(); }
bool isArray(const Json &value) { return value.is_array(); }
bool isNumber(const Json &value) {
  return value.is_number() && std::isfinite(value.get<double>()) &&
         value.get<double>() >= 0;
}

bool areTexts(const Json &value) {
  return isArray(value) && std::all_of(value.begin(), value.end(), isText);
}
bool areCounts(const Json &value) {
  return isArray(value) && std::all_of(value.begin(), value.end(), isCount);
}

} // namespace

JsonReader::JsonReader(const Json &value, std::string place, Status &status)
    : value(value.is_object() ? value : fallbacks().object),
      place(std::move(place)), status(status) {
  if (!value.is_object() && status)
    status = Status::error(
        StatusCode::InvalidFile,
        (this->place.empty() ? std::string() : "key '" + this->place + "' ") +
            "expects an object, but got another value");
}

void JsonReader::fail(const std::string &key, const char *what,
                      const Json &found) {
  if (!status)
    return;
  std::string shown = found.dump(-1, ' ', /*ensure_ascii=*/true,
                                 nlohmann::detail::error_handler_t::replace);
  if (shown.size() > kShownBytes)
    shown = shown.substr(0, kShownBytes) + "...";
  status =
      Status::error(StatusCode::InvalidFile, "key '" + at(key) + "' expects " +
                                                 what + ", but got " + shown);
}

const Json &JsonReader::any(const char *key) {
  auto member = value.find(key);
  return member == value.end() ? fallbacks().null : *member;
}

const Json &JsonReader::expect(const char *key,
                               bool (*accepts)(const Json &value),
                               const char *what, const Json &fallback) {
  if (!status)
    return fallback;
  if (value.find(key) == value.end()) {
    status = Status::error(StatusCode::InvalidFile,
                           "key '" + at(key) + "' is missing");
    return fallback;
  }
  const Json &member = any(key);
  if (accepts(member))
    return member;
  fail(key, what, member);
  return fallback;
}

std::string JsonReader::text(const char *key) {
  return expect(key, isText, "a text", fallbacks().text).get<std::string>();
}

uint64_t JsonReader::count(const char *key) {
  return expect(key, isCount, "a whole number from 0 on", fallbacks().count)
      .get<uint64_t>();
}

double JsonReader::number(const char *key) {
  return expect(key, isNumber, "a number from 0 on", fallbacks().number)
      .get<double>();
}

bool JsonReader::flag(const char *key) {
  return expect(key, isFlag, "true or false", fallbacks().flag).get<bool>();
}

std::vector<std::string> JsonReader::texts(const char *key) {
  return expect(key, areTexts, "an array of texts", fallbacks().array)
      .get<std::vector<std::string>>();
}

std::vector<uint64_t> JsonReader::counts(const char *key) {
  return expect(key, areCounts, "an array of whole numbers from 0 on",
                fallbacks().array)
      .get<std::vector<uint64_t>>();
}

const Json &JsonReader::object(const char *key) {
  return expect(key, isObject, "an object", fallbacks().object);
}

const Json &JsonReader::array(const char *key) {
  return expect(key, isArray, "an array", fallbacks().array);
}
