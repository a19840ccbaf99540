// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Header and metadata of a GGUF file.

#include "Gguf.h"

#include "quern/Support/Text.h"

#include <cinttypes>
#include <cstdio>
#include <unordered_set>

namespace quern::weights {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

static std::string hexText(Span<const uint8_t> bytes) {
  std::string text;
  for (uint8_t byte : bytes) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%s%02x", text.empty() ? "" : " ",
                  byte);
    text += digits;
  }
  return text;
}

static Status checkVersion(uint32_t version) {
  std::string found = std::to_string(version);
  if (version == 2 || version == 3)
    return Status::ok();
  if (version == 0)
    return invalid("invalid version 0: expects 2 or 3");
  if (version == 1)
    return invalid("obsolete version 1: expects 2 or 3; convert the file with "
                   "a newer version of its writer");
  // The bytes of a small number in the other order.
  if ((version & 0xffff) == 0)
    return invalid("endianness mismatch: expects a little-endian file, but the "
                   "version's bytes are those of a big-endian one");
  return invalid("unsupported version " + found +
                 ": expects 2 or 3; the file is newer than this program");
}

/// Least bytes of a value (key of one byte, one byte) and of a tensor (name of
/// one byte, one extent).
static constexpr uint64_t leastValueBytes = 8 + 1 + 4 + 1;
static constexpr uint64_t leastTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

/// Checks that `remaining` bytes can hold `count` entries, as a signed number.
static Status checkCount(const char *what, uint64_t count, uint64_t least,
                         uint64_t remaining) {
  if (count <= remaining / least)
    return Status::ok();
  return invalid("impossible count of " + std::string(what) +
                 ": expects 0 to " + std::to_string(remaining / least) +
                 " in a file of this size, but got " +
                 std::to_string(static_cast<int64_t>(count)));
}

Result<GgufCounts> readGgufHeader(Cursor &cursor, Span<const uint8_t> file) {
  constexpr size_t headerBytes = 24;
  constexpr uint8_t magic[] = {'G', 'G', 'U', 'F'};
  if (file.size() >= 4 && std::memcmp(file.data(), magic, 4) != 0)
    return invalid("bad magic: expects 47 47 55 46 (GGUF), but got " +
                   hexText(file.subspan(0, 4)));
  if (file.size() < headerBytes)
    return invalid("truncated header: expects " + std::to_string(headerBytes) +
                   " bytes, but got " + std::to_string(file.size()));
  cursor.take(4, "magic");
  if (Status status = checkVersion(cursor.number<uint32_t>("version")); !status)
    return status;
  GgufCounts counts;
  counts.tensors = cursor.number<uint64_t>("count of tensors");
  counts.values = cursor.number<uint64_t>("count of values");
  if (Status status = checkCount("tensors", counts.tensors, leastTensorBytes,
                                 cursor.remaining());
      !status)
    return status;
  if (Status status = checkCount("values", counts.values, leastValueBytes,
                                 cursor.remaining());
      !status)
    return status;
  return counts;
}

namespace {
/// A value type of the file, by its number.
struct ValueType {
  MetadataType type;
  uint64_t bytes; ///< of an element; of a string, of its length
};
} // namespace

/// Number 9 is that of arrays.
static constexpr uint32_t arrayType = 9;

static constexpr ValueType valueTypes[] = {
    {MetadataType::U8, 1},     {MetadataType::I8, 1},
    {MetadataType::U16, 2},    {MetadataType::I16, 2},
    {MetadataType::U32, 4},    {MetadataType::I32, 4},
    {MetadataType::F32, 4},    {MetadataType::Bool, 1},
    {MetadataType::String, 8}, {MetadataType::String, 0}, // an array: not used
    {MetadataType::U64, 8},    {MetadataType::I64, 8},
    {MetadataType::F64, 8},
};

/// Checks a type number; false after an error.
static bool checkValueType(Cursor &cursor, uint32_t number) {
  if (cursor.status().isOk() && number >= std::size(valueTypes))
    cursor.fail("unknown value type " +
                std::to_string(static_cast<int32_t>(number)) +
                ": expects 0 to " + std::to_string(std::size(valueTypes) - 1));
  return cursor.status().isOk();
}

static void readElements(Cursor &cursor, MetadataValue &value,
                         const ValueType &type, uint64_t count) {
  value.type = type.type;
  if (type.type == MetadataType::String) {
    value.strings.reserve(count);
    for (uint64_t i = 0; i < count && cursor.status().isOk(); ++i)
      value.strings.push_back(cursor.string("string"));
    return;
  }
  value.bytes = cursor.take(count * type.bytes, "value");
  if (type.type != MetadataType::Bool)
    return;
  for (uint8_t byte : value.bytes)
    if (byte > 1)
      return cursor.fail("invalid bool: expects 0 or 1, but got " +
                         std::to_string(byte));
}

static void readArray(Cursor &cursor, MetadataValue &value) {
  value.isArray = true;
  auto number = cursor.number<uint32_t>("element type of an array");
  auto count = cursor.number<uint64_t>("length of an array");
  if (!checkValueType(cursor, number))
    return;
  if (number == arrayType)
    return cursor.fail("nested array unsupported: expects an array of numbers, "
                       "bools or strings, but got one of arrays");
  const ValueType &type = valueTypes[number];
  if (count > cursor.remaining() / type.bytes)
    return cursor.fail("array exceeds the file: expects at most " +
                       std::to_string(cursor.remaining() / type.bytes) +
                       " elements of " + metadataTypeName(type.type) +
                       " in the bytes that are left, but got " +
                       std::to_string(count));
  readElements(cursor, value, type, count);
}

static void checkKey(Cursor &cursor, std::string_view key) {
  constexpr size_t longest = 65535;
  if (!cursor.status().isOk())
    return;
  if (key.empty())
    return cursor.fail("empty key");
  if (key.size() > longest)
    return cursor.fail("invalid key: expects at most " +
                       std::to_string(longest) + " bytes, but got " +
                       std::to_string(key.size()));
  for (char c : key)
    if (c < 0x20 || c > 0x7e)
      return cursor.fail("invalid key " + inQuotes(std::string(key)) +
                         ": expects printable ASCII");
}

Result<Metadata> readGgufMetadata(Cursor &cursor, uint64_t count) {
  std::vector<Metadata::Entry> entries;
  std::unordered_set<std::string_view> keys;
  entries.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    cursor.enter("value " + std::to_string(i));
    std::string_view key = cursor.string("key");
    checkKey(cursor, key);
    if (cursor.status().isOk()) {
      cursor.enter("key " + inQuotes(std::string(key)));
      if (!keys.insert(key).second)
        cursor.fail("duplicate key");
    }
    auto number = cursor.number<uint32_t>("value type");
    if (!checkValueType(cursor, number))
      return cursor.status();
    MetadataValue value;
    if (number == arrayType)
      readArray(cursor, value);
    else
      readElements(cursor, value, valueTypes[number], 1);
    if (!cursor.status())
      return cursor.status();
    entries.push_back({std::string(key), std::move(value)});
  }
  return Metadata(std::move(entries));
}

} // namespace quern::weights
