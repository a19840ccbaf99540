// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Typed and checked access to the metadata of a GGUF file.

#include "Facts.h"

#include "quern/Support/Text.h"

#include <cstdio>

namespace quern::import {

using weights::MetadataType;
using weights::MetadataValue;

static std::string realText(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", number);
  return text;
}

void Facts::fail(const std::string &key, const std::string &message,
                 StatusCode code) {
  if (first.isOk())
    first = Status::error(code, file + ": key " + inQuotes(prefix + key) +
                                    ": " + message);
}

const MetadataValue *Facts::single(const std::string &key, MetadataType type,
                                   bool isRequired) {
  const MetadataValue *value = find(key);
  if (!value) {
    if (isRequired)
      fail(key, std::string("expects a value of type ") +
                    metadataTypeName(type) + ", but there is none");
    return nullptr;
  }
  if (!value->isArray && value->type == type)
    return value;
  fail(key, std::string("expects a value of type ") + metadataTypeName(type) +
                ", but got one of type " + value->typeText());
  return nullptr;
}

int64_t Facts::inRange(const std::string &key, int64_t number, int64_t least,
                       int64_t most) {
  if (number >= least && number <= most)
    return number;
  fail(key, "expects a number from " + std::to_string(least) + " to " +
                std::to_string(most) + ", but got " + std::to_string(number));
  return least;
}

int64_t Facts::count(const std::string &key, int64_t least, int64_t most,
                     std::optional<int64_t> fallback) {
  const MetadataValue *value = single(key, MetadataType::U32, !fallback);
  if (!value)
    return fallback.value_or(least);
  return inRange(key, *value->integer(), least, most);
}

int64_t Facts::sameForLayers(const std::string &key, int64_t least,
                             int64_t most, std::optional<int64_t> fallback) {
  const MetadataValue *value = find(key);
  if (!value || !value->isArray)
    return count(key, least, most, fallback);
  if (value->type != MetadataType::U32 && value->type != MetadataType::I32) {
    fail(key, "expects a u32 or an array of u32 or i32, but got one of type " +
                  value->typeText());
    return least;
  }
  if (value->size() == 0) {
    fail(key, "expects a number for each layer, but got none");
    return least;
  }
  int64_t number = *value->integer(0);
  for (size_t i = 1; i < value->size(); ++i)
    if (*value->integer(i) != number)
      fail(key,
           "expects the same number for all layers, but got " +
               std::to_string(number) + " and, for layer " + std::to_string(i) +
               ", " + std::to_string(*value->integer(i)),
           StatusCode::Unsupported);
  return inRange(key, number, least, most);
}

double Facts::real(const std::string &key, double least, double most,
                   std::optional<double> fallback) {
  const MetadataValue *value = single(key, MetadataType::F32, !fallback);
  if (!value)
    return fallback.value_or(least);
  double number = *value->real();
  if (number >= least && number <= most) // false for NaN
    return number;
  fail(key, "expects a number from " + realText(least) + " to " +
                realText(most) + ", but got " + realText(number));
  return least;
}

bool Facts::boolean(const std::string &key, bool fallback) {
  const MetadataValue *value = single(key, MetadataType::Bool, false);
  return value ? *value->boolean() : fallback;
}

std::string Facts::string(const std::string &key,
                          std::optional<std::string> fallback) {
  const MetadataValue *value = single(key, MetadataType::String, !fallback);
  return value ? std::string(*value->string()) : fallback.value_or("");
}

std::optional<std::vector<bool>> Facts::flags(const std::string &key,
                                              int64_t layers) {
  const MetadataValue *value = find(key);
  if (!value || !value->isArray)
    return std::nullopt;
  if (int64_t(value->size()) < layers) {
    fail(key, "expects an entry for each of the " + std::to_string(layers) +
                  " layers, but got " + std::to_string(value->size()));
    return std::nullopt;
  }
  std::vector<bool> flags;
  for (int64_t i = 0; i < layers; ++i) {
    std::optional<bool> flag = value->boolean(size_t(i));
    if (std::optional<int64_t> number = value->integer(size_t(i)))
      flag = *number != 0;
    if (!flag) {
      fail(key, "expects an array of bool, u32 or i32, but got a value of "
                "type " +
                    value->typeText());
      return std::nullopt;
    }
    flags.push_back(*flag);
  }
  return flags;
}

const MetadataValue *Facts::array(const std::string &key, MetadataType type) {
  const MetadataValue *value = find(key);
  if (!value || (value->isArray && value->type == type))
    return value;
  fail(key, std::string("expects an array of ") + metadataTypeName(type) +
                ", but got a value of type " + value->typeText());
  return nullptr;
}

} // namespace quern::import
