// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What a container says about its model beside the tensors: typed values
// by name.

#ifndef QUERN_WEIGHTS_METADATA_H
#define QUERN_WEIGHTS_METADATA_H

#include "quern/Base/Span.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quern::weights {

enum class MetadataType : uint8_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  U64,
  I64,
  F64,
};

/// "u32", "string": for messages.
const char *metadataTypeName(MetadataType type);

/// A value, or an array of values of one type. It points into the mapped file
/// and lives as long as its source.
struct MetadataValue {
  MetadataType type = MetadataType::U8; ///< of the elements of an array
  bool isArray = false;
  Span<const uint8_t> bytes;             ///< little endian; not of strings
  std::vector<std::string_view> strings; ///< MetadataType::String only

  /// Elements of an array; 1 for a single value.
  size_t size() const;
  /// "u32" or "array of u32".
  std::string typeText() const;

  /// Element `i`, which is below size(), if it is of this kind: an integer of
  /// any type that fits 64 bits with sign; a number, integers included.
  std::optional<int64_t> integer(size_t i = 0) const;
  std::optional<double> real(size_t i = 0) const;
  std::optional<bool> boolean(size_t i = 0) const;
  std::optional<std::string_view> string(size_t i = 0) const;
};

/// Values by name.
class Metadata {
public:
  struct Entry {
    std::string key;
    MetadataValue value;
  };

  Metadata() = default;
  /// The keys must be distinct.
  explicit Metadata(std::vector<Entry> entries);

  /// Sorted by key.
  Span<const Entry> entries() const { return all; }
  /// Null if there is no such key.
  const MetadataValue *find(std::string_view key) const;

private:
  std::vector<Entry> all;
};

} // namespace quern::weights

#endif // QUERN_WEIGHTS_METADATA_H
