// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Typed access to metadata.

#include "quern/Weights/Metadata.h"

#include <algorithm>
#include <cstring>

namespace quern::weights {

namespace {
struct TypeInfo {
  const char *name;
  size_t bytes; ///< of an element; 0 for strings
};
} // namespace

/// In the order of the enumeration.
static constexpr TypeInfo types[] = {
    {"u8", 1},  {"i8", 1},   {"u16", 2},    {"i16", 2}, {"u32", 4}, {"i32", 4},
    {"f32", 4}, {"bool", 1}, {"string", 0}, {"u64", 8}, {"i64", 8}, {"f64", 8},
};

static_assert(std::size(types) == static_cast<size_t>(MetadataType::F64) + 1,
              "one entry for each type");

static const TypeInfo &infoOf(MetadataType type) {
  return types[static_cast<size_t>(type)];
}

const char *metadataTypeName(MetadataType type) { return infoOf(type).name; }

size_t MetadataValue::size() const {
  if (type == MetadataType::String)
    return strings.size();
  return bytes.size() / infoOf(type).bytes;
}

std::string MetadataValue::typeText() const {
  return std::string(isArray ? "array of " : "") + metadataTypeName(type);
}

template <typename T> static T load(Span<const uint8_t> bytes, size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

std::optional<int64_t> MetadataValue::integer(size_t i) const {
  switch (type) {
  case MetadataType::U8:
    return load<uint8_t>(bytes, i);
  case MetadataType::I8:
    return load<int8_t>(bytes, i);
  case MetadataType::U16:
    return load<uint16_t>(bytes, i);
  case MetadataType::I16:
    return load<int16_t>(bytes, i);
  case MetadataType::U32:
    return load<uint32_t>(bytes, i);
  case MetadataType::I32:
    return load<int32_t>(bytes, i);
  case MetadataType::I64:
    return load<int64_t>(bytes, i);
  case MetadataType::U64:
    if (uint64_t value = load<uint64_t>(bytes, i); value <= INT64_MAX)
      return static_cast<int64_t>(value);
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

std::optional<double> MetadataValue::real(size_t i) const {
  if (type == MetadataType::F32)
    return load<float>(bytes, i);
  if (type == MetadataType::F64)
    return load<double>(bytes, i);
  if (type == MetadataType::U64)
    return static_cast<double>(load<uint64_t>(bytes, i));
  if (std::optional<int64_t> value = integer(i))
    return static_cast<double>(*value);
  return std::nullopt;
}

std::optional<bool> MetadataValue::boolean(size_t i) const {
  if (type != MetadataType::Bool)
    return std::nullopt;
  return bytes[i] != 0;
}

std::optional<std::string_view> MetadataValue::string(size_t i) const {
  if (type != MetadataType::String)
    return std::nullopt;
  return strings[i];
}

Metadata::Metadata(std::vector<Entry> entries) : all(std::move(entries)) {
  std::sort(all.begin(), all.end(),
            [](const Entry &a, const Entry &b) { return a.key < b.key; });
}

const MetadataValue *Metadata::find(std::string_view key) const {
  auto found = std::lower_bound(
      all.begin(), all.end(), key,
      [](const Entry &entry, std::string_view k) { return entry.key < k; });
  return found != all.end() && found->key == key ? &found->value : nullptr;
}

} // namespace quern::weights
