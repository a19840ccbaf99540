// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Descriptions of the tensors of a GGUF file, and the data section that
// they must fill.

#include "Gguf.h"

#include "quern/Support/Text.h"
#include "quern/Weights/GgmlTypes.h"

#include <algorithm>
#include <unordered_set>

namespace quern::weights {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

static constexpr const char *alignmentKey = "general.alignment";

static Result<uint64_t> alignmentOf(const Metadata &metadata) {
  constexpr uint64_t usual = 32;
  const MetadataValue *value = metadata.find(alignmentKey);
  if (!value)
    return usual;
  auto bad = [](const std::string &what, const std::string &found) {
    return invalid("key " + inQuotes(alignmentKey) + ": " + what +
                   ": expects a u32 that is a power of two and a multiple of "
                   "8, but got " +
                   found);
  };
  if (value->isArray || value->type != MetadataType::U32)
    return bad("bad alignment", "a value of type " + value->typeText());
  auto alignment = static_cast<uint64_t>(*value->integer());
  if (alignment == 0 || (alignment & (alignment - 1)))
    return bad("bad alignment", std::to_string(alignment));
  if (alignment % 8)
    return bad("nonconforming alignment", std::to_string(alignment));
  return alignment;
}

namespace {
/// A tensor and the place that it claims in the data section.
struct Description {
  TensorInfo tensor;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};
} // namespace

static std::string readName(Cursor &cursor) {
  constexpr size_t longest = 63;
  std::string name(cursor.string("name"));
  if (!cursor.status())
    return name;
  if (name.empty() || name.find('\0') != std::string::npos)
    cursor.fail("bad tensor name " + inQuotes(name) +
                ": expects a name without NUL that is not empty");
  if (name.size() > longest)
    cursor.fail("tensor name too long: expects at most " +
                std::to_string(longest) + " bytes, but " + inQuotes(name) +
                " has " + std::to_string(name.size()));
  return name;
}

/// The shape, outermost extent first.
static std::vector<int64_t> readShape(Cursor &cursor) {
  constexpr uint32_t most = 4;
  std::vector<int64_t> shape;
  auto rank = cursor.number<uint32_t>("rank");
  if (cursor.status().isOk() && (rank < 1 || rank > most))
    cursor.fail("bad rank: expects 1 to " + std::to_string(most) +
                " extents, but got " + std::to_string(rank));
  for (uint32_t i = 0; i < rank && cursor.status().isOk(); ++i)
    shape.insert(shape.begin(), cursor.number<int64_t>("extent"));
  for (int64_t extent : shape)
    if (extent < 0)
      cursor.fail("negative dimension in shape " + shapeText(shape));
  return shape;
}

/// The size of a tensor in bytes. Extents of zero are left out of the products,
/// or they would hide an overflow of the others.
static uint64_t sizeOf(Cursor &cursor, const TensorInfo &tensor,
                       const GgmlType &type) {
  int64_t elements = 1;
  bool isEmpty = false, overflows = false;
  for (int64_t extent : tensor.shape) {
    isEmpty |= extent == 0;
    overflows |= extent && __builtin_mul_overflow(elements, extent, &elements);
  }
  int64_t bytes = 0;
  overflows |= __builtin_mul_overflow(elements / type.blockColumns +
                                          (elements % type.blockColumns != 0),
                                      int64_t(type.blockBytes), &bytes);
  if (overflows)
    cursor.fail("element-count overflow: expects a size that fits 63 bits, but "
                "got shape " +
                shapeText(tensor.shape) + " of " + type.name);
  else if (tensor.columns() % type.blockColumns)
    cursor.fail("row not a multiple of the block: expects rows of a multiple "
                "of " +
                std::to_string(type.blockColumns) + " elements, as " +
                type.name + " has them, but got shape " +
                shapeText(tensor.shape));
  return isEmpty ? 0 : static_cast<uint64_t>(bytes);
}

static Description readDescription(Cursor &cursor, uint64_t index) {
  Description result;
  TensorInfo &tensor = result.tensor;
  cursor.enter("tensor " + std::to_string(index));
  tensor.name = readName(cursor);
  if (cursor.status().isOk())
    cursor.enter("tensor " + inQuotes(tensor.name));
  tensor.shape = readShape(cursor);
  auto number = cursor.number<uint32_t>("type");
  result.offset = cursor.number<uint64_t>("offset");
  if (!cursor.status())
    return result;
  Result<const GgmlType *> type = ggmlTypeOf(number);
  if (!type) {
    cursor.fail(type.status().message());
    return result;
  }
  tensor.dtype = (*type)->dtype;
  tensor.encoding = (*type)->encoding;
  result.bytes = sizeOf(cursor, tensor, **type);
  return result;
}

/// `value` rounded up; false if that overflows.
static bool alignUp(uint64_t value, uint64_t alignment, uint64_t &aligned) {
  if (__builtin_add_overflow(value, alignment - 1, &aligned))
    return false;
  aligned &= ~(alignment - 1);
  return true;
}

static Status invalidIn(const Description &entry, const std::string &message) {
  return invalid("tensor " + inQuotes(entry.tensor.name) + ": " + message);
}

/// Where tensor `entry` and its padding end, if it begins at `begin`.
static bool endOf(const Description &entry, uint64_t begin, uint64_t alignment,
                  uint64_t &end) {
  return !__builtin_add_overflow(begin, entry.bytes, &end) &&
         alignUp(end, alignment, end) && end <= uint64_t(INT64_MAX);
}

/// Checks that the tensors lie one after another, each padded to the alignment.
static Status checkOffsets(const std::vector<Description> &tensors,
                           uint64_t alignment) {
  uint64_t expected = 0;
  for (const Description &entry : tensors) {
    if (entry.offset != expected)
      return invalidIn(entry,
                       "offset differs from the end of the tensors before it: "
                       "expects offset " +
                           std::to_string(expected) + ", but got " +
                           std::to_string(entry.offset));
    if (!endOf(entry, expected, alignment, expected))
      return invalidIn(entry, "total size overflow: expects tensors of less "
                              "than 2^63 bytes together");
  }
  return Status::ok();
}

/// Checks that tensors at the right offsets fill `available` bytes of data.
static Status checkEnds(const std::vector<Description> &tensors,
                        uint64_t alignment, uint64_t available) {
  uint64_t end = 0;
  for (const Description &entry : tensors)
    if (!endOf(entry, entry.offset, alignment, end) || end > available)
      return invalidIn(entry,
                       "data truncated: expects " + std::to_string(end) +
                           " bytes of data up to the end of this tensor and "
                           "its padding, but the file holds " +
                           std::to_string(available));
  if (end == available)
    return Status::ok();
  return invalid("trailing data: expects the file to end with its last tensor, "
                 "but " +
                 std::to_string(available - end) + " bytes follow");
}

static Result<std::vector<Description>> readDescriptions(Cursor &cursor,
                                                         uint64_t count) {
  std::vector<Description> entries;
  std::unordered_set<std::string> names;
  entries.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    entries.push_back(readDescription(cursor, i));
    if (!names.insert(entries.back().tensor.name).second)
      cursor.fail("duplicate tensor");
    if (!cursor.status())
      return cursor.status();
  }
  return entries;
}

Result<std::vector<TensorInfo>> readGgufTensors(Cursor &cursor, uint64_t count,
                                                const Metadata &metadata,
                                                Span<const uint8_t> file) {
  Result<uint64_t> alignment = alignmentOf(metadata);
  if (!alignment)
    return alignment.status();
  auto entries = readDescriptions(cursor, count);
  if (!entries)
    return entries.status();
  if (Status status = checkOffsets(*entries, *alignment); !status)
    return status;
  uint64_t begin = 0;
  if (!alignUp(cursor.position(), *alignment, begin) || begin > file.size()) {
    if (entries->empty() && cursor.remaining() == 0)
      return std::vector<TensorInfo>(); // no data, no need to pad for it
    return invalid("data section outside the file: expects it to begin at "
                   "byte " +
                   std::to_string(begin) + ", a multiple of " +
                   std::to_string(*alignment) + ", but the file ends at " +
                   std::to_string(file.size()));
  }
  if (Status status = checkEnds(*entries, *alignment, file.size() - begin);
      !status)
    return status;
  std::vector<TensorInfo> tensors;
  tensors.reserve(entries->size());
  for (Description &entry : *entries) {
    entry.tensor.bytes = file.subspan(begin + entry.offset, entry.bytes);
    tensors.push_back(std::move(entry.tensor));
  }
  return tensors;
}

} // namespace quern::weights
