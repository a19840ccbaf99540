// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Keys and typed values of a GGUF file. The bytes are described in
// lib/Weights/GGUF/Gguf.h.

#include "quern/Export/Gguf.h"

#include <cstring>

using namespace quern;
using namespace quern::exporter;
using weights::MetadataType;
using weights::MetadataValue;

/// GGUF's number of an array; those of the other types are in the order of the
/// enumeration around it.
static constexpr uint32_t arrayNumber = 9;

static uint32_t numberOf(MetadataType type) {
  auto number = static_cast<uint32_t>(type);
  return number < arrayNumber ? number : number + 1;
}

template <typename T> void GgufValues::put(T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  text.append(bytes, sizeof(T));
}

void GgufValues::putString(std::string_view value) {
  put<uint64_t>(value.size());
  text += value;
}

bool GgufValues::begin(const std::string &key) {
  if (!keys.insert(key).second)
    return false;
  putString(key);
  return true;
}

bool GgufValues::beginArray(const std::string &key, MetadataType type,
                            uint64_t size) {
  if (!begin(key))
    return false;
  put(arrayNumber);
  put(numberOf(type));
  put(size);
  return true;
}

template <typename T>
void GgufValues::putOne(const std::string &key, MetadataType type, T value) {
  if (!begin(key))
    return;
  put(numberOf(type));
  put(value);
}

void GgufValues::u16(const std::string &key, int64_t value) {
  putOne(key, MetadataType::U16, static_cast<uint16_t>(value));
}

void GgufValues::i32(const std::string &key, int64_t value) {
  putOne(key, MetadataType::I32, static_cast<int32_t>(value));
}

void GgufValues::u32(const std::string &key, int64_t value) {
  putOne(key, MetadataType::U32, static_cast<uint32_t>(value));
}

void GgufValues::f32(const std::string &key, float value) {
  putOne(key, MetadataType::F32, value);
}

void GgufValues::boolean(const std::string &key, bool value) {
  putOne(key, MetadataType::Bool, static_cast<uint8_t>(value));
}

void GgufValues::string(const std::string &key, std::string_view value) {
  if (!begin(key))
    return;
  put(numberOf(MetadataType::String));
  putString(value);
}

void GgufValues::strings(const std::string &key,
                         const std::vector<std::string_view> &values) {
  if (beginArray(key, MetadataType::String, values.size()))
    for (std::string_view value : values)
      putString(value);
}

void GgufValues::booleans(const std::string &key,
                          const std::vector<bool> &values) {
  if (beginArray(key, MetadataType::Bool, values.size()))
    for (bool value : values)
      put(static_cast<uint8_t>(value));
}

void GgufValues::i32s(const std::string &key,
                      const std::vector<int32_t> &values) {
  if (beginArray(key, MetadataType::I32, values.size()))
    for (int32_t value : values)
      put(value);
}

void GgufValues::f32s(const std::string &key,
                      const std::vector<float> &values) {
  if (beginArray(key, MetadataType::F32, values.size()))
    for (float value : values)
      put(value);
}

void GgufValues::copy(const std::string &key, const MetadataValue &value) {
  if (!begin(key))
    return;
  if (value.isArray) {
    put(arrayNumber);
    put(numberOf(value.type));
    put<uint64_t>(value.size());
  } else {
    put(numberOf(value.type));
  }
  for (std::string_view string : value.strings)
    putString(string);
  text.append(reinterpret_cast<const char *>(value.bytes.data()),
              value.bytes.size());
}
