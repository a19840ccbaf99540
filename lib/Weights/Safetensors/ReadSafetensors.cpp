// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A safetensors file as a whole: header length, names, and the ranges
// that must tile the data section.

#include "../MappedSource.h"
#include "Header.h"
#include "Source.h"
#include "quern/Support/Text.h"

#include <algorithm>
#include <tuple>

namespace quern::weights {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

static Status invalidIn(const HeaderEntry &entry, std::string message) {
  return invalid("tensor " + inQuotes(entry.tensor.name) + ": " +
                 std::move(message));
}

static std::string rangeText(const HeaderEntry &entry) {
  return "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) +
         "]";
}

/// Splits `file` into header and data.
static Result<Span<const uint8_t>> headerOf(Span<const uint8_t> file) {
  constexpr uint64_t largest = 100'000'000;
  if (file.size() < 8)
    return invalid("header too small: expects at least 8 bytes, but got " +
                   std::to_string(file.size()));
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | file[i];
  if (length == 0 || length > file.size() - 8)
    return invalid("invalid header length: expects 1 to " +
                   std::to_string(file.size() - 8) + ", but got " +
                   std::to_string(length));
  if (length > largest)
    return invalid("header too large: expects at most " +
                   std::to_string(largest) + " bytes, but got " +
                   std::to_string(length));
  if (file[8] != '{')
    return invalid("invalid header: expects '{' as its first byte, but got " +
                   inQuotes(std::string(1, static_cast<char>(file[8]))));
  return file.subspan(8, length);
}

/// Checks that the shape and type of `entry` need the bytes that it claims.
static Status checkSize(const HeaderEntry &entry) {
  const TensorInfo &tensor = entry.tensor;
  // Extents of zero are left out of the product, or they would hide an
  // overflow of the others.
  uint64_t bits = dtypeBits(tensor.dtype);
  bool empty = false;
  for (int64_t extent : tensor.shape) {
    empty |= extent == 0;
    if (extent && __builtin_mul_overflow(bits, uint64_t(extent), &bits))
      return invalidIn(entry, "expects a size that fits 64 bits, but shape " +
                                  shapeText(tensor.shape) + " of " +
                                  dtypeName(tensor.dtype) +
                                  " makes it overflow");
  }
  bits = empty ? 0 : bits;
  if (bits % 8)
    return invalidIn(entry, "expects whole bytes, but shape " +
                                shapeText(tensor.shape) + " of " +
                                dtypeName(tensor.dtype) +
                                " ends in a partial byte");
  if (entry.end - entry.begin != bits / 8)
    return invalidIn(
        entry, "expects " + std::to_string(bits / 8) + " bytes for shape " +
                   shapeText(tensor.shape) + " of " + dtypeName(tensor.dtype) +
                   ", but data_offsets " + rangeText(entry) + " hold " +
                   std::to_string(entry.end - entry.begin));
  return Status::ok();
}

/// Checks that the entries, sorted by range, tile [0, `dataSize`).
static Status checkTiling(Span<const HeaderEntry> entries, uint64_t dataSize) {
  uint64_t covered = 0;
  const HeaderEntry *last = nullptr;
  for (const HeaderEntry &entry : entries) {
    if (entry.begin < covered)
      return invalidIn(entry, "data_offsets " + rangeText(entry) +
                                  " overlap those of tensor " +
                                  inQuotes(last->tensor.name) + ", " +
                                  rangeText(*last));
    if (entry.begin > covered)
      return invalidIn(entry, "expects data_offsets to begin at " +
                                  std::to_string(covered) + ", but got " +
                                  rangeText(entry) + ", which leaves " +
                                  std::to_string(entry.begin - covered) +
                                  " uncovered bytes before it");
    if (entry.end > dataSize)
      return invalidIn(entry, "data_offsets " + rangeText(entry) +
                                  " run past the end of the file, which holds "
                                  "only " +
                                  std::to_string(dataSize) +
                                  " bytes of data (cut short?)");
    covered = entry.end;
    last = &entry;
  }
  if (covered != dataSize)
    return invalid("file longer than its header says: expects " +
                   std::to_string(covered) + " bytes of data, but got " +
                   std::to_string(dataSize));
  return Status::ok();
}

Result<std::vector<TensorInfo>> readSafetensors(Span<const uint8_t> file,
                                                HeaderTexts *texts) {
  Result<Span<const uint8_t>> header = headerOf(file);
  if (!header)
    return header.status();
  Result<std::vector<HeaderEntry>> entries = parseHeader(*header, texts);
  if (!entries)
    return entries.status();
  auto byName = [](const HeaderEntry &a, const HeaderEntry &b) {
    return a.tensor.name < b.tensor.name;
  };
  std::sort(entries->begin(), entries->end(), byName);
  for (size_t i = 1; i < entries->size(); ++i)
    if (!byName((*entries)[i - 1], (*entries)[i]))
      return invalid("duplicate key " + inQuotes((*entries)[i].tensor.name));
  for (const HeaderEntry &entry : *entries)
    if (Status status = checkSize(entry); !status)
      return status;

  Span<const uint8_t> data =
      file.subspan(8 + header->size(), file.size() - 8 - header->size());
  std::sort(entries->begin(), entries->end(),
            [](const HeaderEntry &a, const HeaderEntry &b) {
              return std::tie(a.begin, a.end, a.tensor.name) <
                     std::tie(b.begin, b.end, b.tensor.name);
            });
  if (Status status = checkTiling(*entries, data.size()); !status)
    return status;

  std::sort(entries->begin(), entries->end(), byName);
  std::vector<TensorInfo> tensors;
  tensors.reserve(entries->size());
  for (HeaderEntry &entry : *entries) {
    entry.tensor.bytes = data.subspan(entry.begin, entry.end - entry.begin);
    tensors.push_back(std::move(entry.tensor));
  }
  return tensors;
}

Result<std::unique_ptr<WeightSource>> openSafetensors(const std::string &path) {
  auto source = std::make_unique<MappedSource>(path);
  if (Status status = source->addFile(
          path,
          [](Span<const uint8_t> bytes) { return readSafetensors(bytes); });
      !status)
    return status;
  if (Status status = source->finish(); !status)
    return status;
  return std::unique_ptr<WeightSource>(std::move(source));
}

} // namespace quern::weights
