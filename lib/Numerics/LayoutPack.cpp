// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Codes into a layout's bytes and back, a range of rows at a time.

#include "LayoutMap.h"
#include <algorithm>
#include <cstring>
#include <numeric>
#include <type_traits>

namespace quern::numerics {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidArgument, std::move(message));
}

namespace {

/// The rows of a tensor that one call handles.
struct RowRange {
  int64_t rows; ///< of the whole tensor
  int64_t cols;
  int64_t begin;
  int64_t end;
};

/// One row of codes of one piece in one tile: code i's bits begin at bit
/// base + offsets[i] of the segment.
struct Run {
  const PlacedPiece &piece;
  int64_t base;
  const int64_t *offsets;
  int64_t count;
};

} // namespace

static uint32_t lowMask(unsigned width) {
  return width == 32 ? ~uint32_t(0) : (uint32_t(1) << width) - 1;
}

/// Adding offset binary's flip to the bits of a piece, or removing it.
static uint32_t flipMask(const PlacedPiece &piece) {
  unsigned width = piece.bitHi - piece.bitLo;
  return piece.piece->flipTopBit ? uint32_t(1) << (width - 1) : 0;
}

/// How a piece's bits of one code meet the bytes of the buffer.
enum class Access {
  Radix,   ///< a digit of the number in a byte
  InByte,  ///< within one byte
  Word16,  ///< 16 bits that begin at a byte
  Word32,  ///< 32 bits that begin at a byte
  Anywhere ///< across bytes
};

static Access accessOf(const Run &run) {
  if (run.piece.piece->radix)
    return Access::Radix;
  unsigned width = run.piece.bitHi - run.piece.bitLo;
  bool isInByte = true, isAligned = true;
  for (int64_t i = 0; i < run.count; ++i) {
    unsigned shift = unsigned((run.base + run.offsets[i]) & 7);
    isInByte &= shift + width <= 8;
    isAligned &= shift == 0;
  }
  if (isInByte)
    return Access::InByte;
  if (isAligned && (width == 16 || width == 32))
    return width == 16 ? Access::Word16 : Access::Word32;
  return Access::Anywhere;
}

static void storeWord(uint32_t bits, unsigned bytes, uint8_t *to) {
  for (unsigned i = 0; i < bytes; ++i) // little endian on any host
    to[i] = uint8_t(bits >> (8 * i));
}

static uint32_t loadWord(const uint8_t *from, unsigned bytes) {
  uint32_t bits = 0;
  for (unsigned i = 0; i < bytes; ++i)
    bits |= uint32_t(from[i]) << (8 * i);
  return bits;
}

/// radix^exponent
static unsigned power(unsigned radix, unsigned exponent) {
  unsigned result = 1;
  while (exponent-- > 0)
    result *= radix;
  return result;
}

/// Numbers are summed up digit by digit, then become fractions of 256.
static void writeRadixRun(const Run &run, const int32_t *codes,
                          uint8_t *bytes) {
  const Piece &piece = *run.piece.piece;
  unsigned count = unsigned(piece.cols.back().extent);
  unsigned numbers = power(piece.radix, count);
  for (int64_t i = 0; i < run.count; ++i) {
    unsigned place = run.piece.places[size_t(i)];
    bytes[(run.base + run.offsets[i]) >> 3] +=
        uint8_t(unsigned(codes[i]) * power(piece.radix, count - 1 - place));
  }
  for (int64_t i = 0; i < run.count; ++i)
    if (run.piece.places[size_t(i)] == 0) {
      uint8_t &byte = bytes[(run.base + run.offsets[i]) >> 3];
      byte = uint8_t((byte * 256u + numbers - 1) / numbers);
    }
}

static void readRadixRun(const Run &run, const uint8_t *bytes, int32_t *codes) {
  unsigned radix = run.piece.piece->radix;
  for (int64_t i = 0; i < run.count; ++i) {
    unsigned byte = bytes[(run.base + run.offsets[i]) >> 3];
    unsigned fraction = byte * power(radix, run.piece.places[size_t(i)]) & 255;
    codes[i] = int32_t(fraction * radix >> 8);
  }
}

template <Access access>
static void writeRun(const Run &run, const int32_t *codes, uint8_t *bytes) {
  if constexpr (access == Access::Radix)
    return writeRadixRun(run, codes, bytes);
  unsigned low = run.piece.bitLo, width = run.piece.bitHi - low;
  uint32_t mask = lowMask(width), flip = flipMask(run.piece);
  // Bytes may alias anything: what the loop reads is kept in locals.
  const int64_t base = run.base, count = run.count, *offsets = run.offsets;
  for (int64_t i = 0; i < count; ++i) {
    int64_t address = base + offsets[i];
    uint32_t bits = ((uint32_t(codes[i]) >> low) & mask) ^ flip;
    uint8_t *byte = bytes + (address >> 3);
    unsigned shift = unsigned(address & 7);
    if constexpr (access == Access::InByte) {
      *byte = uint8_t(*byte | (bits << shift));
    } else if constexpr (access == Access::Word16) {
      storeWord(bits, 2, byte);
    } else if constexpr (access == Access::Word32) {
      storeWord(bits, 4, byte);
    } else {
      uint64_t wide = uint64_t(bits) << shift;
      for (unsigned done = 0; done < shift + width; done += 8)
        *byte++ |= uint8_t(wide >> done);
    }
  }
}

template <Access access>
static void readRun(const Run &run, const uint8_t *bytes, int32_t *codes) {
  if constexpr (access == Access::Radix)
    return readRadixRun(run, bytes, codes);
  unsigned low = run.piece.bitLo, width = run.piece.bitHi - low;
  uint32_t mask = lowMask(width), flip = flipMask(run.piece);
  // Bytes may alias anything: what the loop reads is kept in locals.
  const int64_t base = run.base, count = run.count, *offsets = run.offsets;
  for (int64_t i = 0; i < count; ++i) {
    int64_t address = base + offsets[i];
    const uint8_t *byte = bytes + (address >> 3);
    unsigned shift = unsigned(address & 7);
    uint64_t wide = *byte;
    if constexpr (access == Access::Word16)
      wide = loadWord(byte, 2);
    else if constexpr (access == Access::Word32)
      wide = loadWord(byte, 4);
    else if constexpr (access == Access::Anywhere)
      for (unsigned done = 8; done < shift + width; done += 8)
        wide |= uint64_t(*++byte) << done;
    uint32_t bits = (uint32_t(wide >> shift) & mask) ^ flip;
    codes[i] = int32_t(uint32_t(codes[i]) | (bits << low));
  }
}

/// Codes of a run that are stored less a number.
static Status subtractLess(const Run &run, const int32_t *codes,
                           std::vector<int32_t> &stored) {
  uint32_t less = run.piece.piece->less;
  stored.assign(codes, codes + run.count);
  for (int32_t &code : stored) {
    if (uint32_t(code) < less)
      return invalid("plane '" + run.piece.piece->plane +
                     "': expects codes of at least " + std::to_string(less) +
                     ", because they are stored less " + std::to_string(less) +
                     ", but got " + std::to_string(uint32_t(code)));
    code = int32_t(uint32_t(code) - less);
  }
  return Status::ok();
}

/// The inverse, in place.
static Status addLess(const Run &run, int32_t *codes) {
  uint32_t less = run.piece.piece->less;
  uint32_t most = lowMask(run.piece.width()) - less;
  for (int64_t i = 0; i < run.count; ++i) {
    auto stored = uint32_t(codes[i]);
    if (stored > most)
      return Status::error(
          StatusCode::InvalidFile,
          "plane '" + run.piece.piece->plane +
              "': expects stored numbers of at most " + std::to_string(most) +
              ", because they are codes less " + std::to_string(less) +
              ", but got " + std::to_string(stored) +
              ", which some programs take for 0 and others for " +
              std::to_string(uint64_t(stored) + less));
    codes[i] = int32_t(stored + less);
  }
  return Status::ok();
}

/// Calls visit with `access` as a type, std::integral_constant<Access, …>.
template <typename Visit> static void withAccess(Access access, Visit visit) {
  switch (access) {
  case Access::Radix:
    return visit(std::integral_constant<Access, Access::Radix>());
  case Access::InByte:
    return visit(std::integral_constant<Access, Access::InByte>());
  case Access::Word16:
    return visit(std::integral_constant<Access, Access::Word16>());
  case Access::Word32:
    return visit(std::integral_constant<Access, Access::Word32>());
  case Access::Anywhere:
    return visit(std::integral_constant<Access, Access::Anywhere>());
  }
}

/// Rows of codes that the tensor's first `rows` rows need.
static int64_t codeRowsBefore(const Plane &plane, int64_t rows) {
  bool isOneRow = plane.isFlat || plane.granule.rows == 0;
  return isOneRow ? int64_t(rows > 0) : planeShape(plane, rows, 1).rows;
}

/// Calls visit(run, access, index of its first code in the part) for every
/// run of `piece` in the rows of `range`.
template <typename Visit>
static void forEachRun(const PlacedSegment &segment, const PlacedPiece &piece,
                       const RowRange &range, Visit visit) {
  int64_t cols = planeShape(piece.plane, range.rows, range.cols).cols;
  int64_t rowBegin = codeRowsBefore(piece.plane, range.begin);
  int64_t rowEnd = codeRowsBefore(piece.plane, range.end);
  for (int64_t row = rowBegin; row < rowEnd; ++row) {
    int64_t panel = segment.placeOf(row / piece.codeRows);
    int64_t rowBase =
        piece.piece->base + piece.rowOffset[size_t(row % piece.codeRows)];
    Access access = Access::Anywhere;
    for (int64_t tile = 0; tile < segment.tilesAcross; ++tile) {
      int64_t col = tile * piece.codeCols + piece.colBegin;
      int64_t byte = (panel * segment.tilesAcross + tile) * segment.tileBytes;
      Run run{piece, byte * 8 + rowBase, piece.colOffset.data(),
              std::min(piece.colCount(), cols - col)};
      // Tiles are whole bytes, so what holds in the first holds in all.
      if (tile == 0)
        access = accessOf(run);
      if (run.count > 0)
        visit(run, access, (row - rowBegin) * cols + col);
    }
  }
}

static Status checkRange(int64_t grain, const RowRange &range) {
  if (range.begin < 0 || range.begin >= range.end || range.end > range.rows ||
      range.begin % grain != 0 ||
      (range.end % grain != 0 && range.end != range.rows))
    return invalid("expects rows from a multiple of " + std::to_string(grain) +
                   " to another or to the last row, " +
                   std::to_string(range.rows) + ", but got " +
                   std::to_string(range.begin) + " to " +
                   std::to_string(range.end));
  return Status::ok();
}

static Status checkBuffer(const Layout &layout, const RowRange &range,
                          size_t bytes) {
  int64_t expected = layoutBytes(layout, range.rows, range.cols);
  if (int64_t(bytes) != expected)
    return invalid("expects a buffer of " + std::to_string(expected) +
                   " bytes, but got " + std::to_string(bytes));
  return Status::ok();
}

/// The part's codes of `plane`, or an error if it has none of that shape.
static Result<const PlaneCodes *> partCodes(const CodedTensor &part,
                                            const Plane &plane, int64_t rows,
                                            int64_t cols) {
  auto found = part.planes.find(plane.path);
  if (found == part.planes.end())
    return invalid("expects codes of plane '" + plane.path + "', but got none");
  const PlaneCodes &codes = found->second;
  if (codes.rows == rows && codes.cols == cols &&
      int64_t(codes.codes.size()) == rows * cols)
    return &codes;
  return invalid("expects [" + std::to_string(rows) + ", " +
                 std::to_string(cols) + "] codes of plane '" + plane.path +
                 "', but got [" + std::to_string(codes.rows) + ", " +
                 std::to_string(codes.cols) + "] in an array of " +
                 std::to_string(codes.codes.size()));
}

Status packRows(const Layout &layout, const Format &format, int64_t rows,
                int64_t cols, int64_t rowBegin, const CodedTensor &part,
                Span<uint8_t> bytes) {
  auto map = mapLayout(layout, format, rows, cols);
  if (!map)
    return map.status();
  if (part.rows > rows || part.cols != cols)
    return invalid("expects a part of at most [" + std::to_string(rows) + ", " +
                   std::to_string(cols) + "], but got [" +
                   std::to_string(part.rows) + ", " +
                   std::to_string(part.cols) + "]");
  RowRange range{rows, cols, rowBegin, rowBegin + part.rows};
  if (Status status = checkRange(rowGrain(layout, format, rows), range);
      !status)
    return status;
  if (Status status = checkBuffer(layout, range, bytes.size()); !status)
    return status;
  Status status;
  std::vector<int32_t> stored;
  for (const PlacedSegment &segment : *map)
    for (const PlacedPiece &piece : segment.pieces) {
      int64_t codeRows = codeRowsBefore(piece.plane, range.end) -
                         codeRowsBefore(piece.plane, range.begin);
      auto codes = partCodes(part, piece.plane, codeRows,
                             planeShape(piece.plane, rows, cols).cols);
      if (!codes)
        return codes.status();
      const int32_t *first = (*codes)->codes.data();
      uint8_t *to = bytes.data() + segment.byteOffset;
      forEachRun(segment, piece, range,
                 [&](const Run &run, Access access, int64_t index) {
                   const int32_t *from = first + index;
                   if (piece.piece->less && status.isOk()) {
                     status = subtractLess(run, from, stored);
                     from = stored.data();
                   }
                   withAccess(access, [&](auto how) {
                     writeRun<how.value>(run, from, to);
                   });
                 });
    }
  return status;
}

/// Copies the sign of codes of fewer than 32 bits upward.
static void extendSigns(const Plane &plane, std::vector<int32_t> &codes) {
  const Element &element = *plane.element;
  if (element.kind != ElementKind::Int || !element.isSigned)
    return;
  unsigned unused = 32 - element.bits;
  for (int32_t &code : codes)
    code = int32_t(uint32_t(code) << unused) >> unused;
}

/// All planes of rows [range.begin, range.end), with codes of zero.
static CodedTensor emptyPart(const Format &format, const RowRange &range) {
  CodedTensor part;
  part.rows = range.end - range.begin;
  part.cols = range.cols;
  for (const Plane &plane : planesOf(format)) {
    PlaneCodes &codes = part.planes[plane.path];
    codes.rows =
        codeRowsBefore(plane, range.end) - codeRowsBefore(plane, range.begin);
    codes.cols = planeShape(plane, range.rows, range.cols).cols;
    codes.codes.assign(size_t(codes.rows * codes.cols), 0);
  }
  return part;
}

Result<CodedTensor> unpackSegments(const Layout &layout, const Format &format,
                                   int64_t rows, int64_t cols, int64_t rowBegin,
                                   int64_t rowEnd,
                                   Span<const Span<const uint8_t>> segments) {
  auto map = mapLayout(layout, format, rows, cols);
  if (!map)
    return map.status();
  RowRange range{rows, cols, rowBegin, rowEnd};
  if (Status status = checkRange(readGrain(format, rows), range); !status)
    return status;
  if (segments.size() != map->size())
    return invalid("expects " + std::to_string(map->size()) +
                   " segments, but got " + std::to_string(segments.size()));
  CodedTensor part = emptyPart(format, range);
  Status status;
  for (size_t i = 0; i < map->size(); ++i) {
    const PlacedSegment &segment = (*map)[i];
    Span<const uint8_t> bytes = segments[i];
    if (int64_t(bytes.size()) != segment.bytes())
      return invalid("segment " + std::to_string(i) + ": expects " +
                     std::to_string(segment.bytes()) + " bytes, but got " +
                     std::to_string(bytes.size()));
    for (const PlacedPiece &piece : segment.pieces) {
      int32_t *first = part.planes[piece.piece->plane].codes.data();
      forEachRun(segment, piece, range,
                 [&](const Run &run, Access access, int64_t index) {
                   withAccess(access, [&](auto how) {
                     readRun<how.value>(run, bytes.data(), first + index);
                   });
                   if (piece.piece->less && status.isOk())
                     status = addLess(run, first + index);
                 });
    }
  }
  if (!status)
    return status;
  for (const Plane &plane : planesOf(format))
    extendSigns(plane, part.planes[plane.path].codes);
  return part;
}

Result<CodedTensor> unpackRows(const Layout &layout, const Format &format,
                               int64_t rows, int64_t cols, int64_t rowBegin,
                               int64_t rowEnd, Span<const uint8_t> bytes) {
  RowRange range{rows, cols, rowBegin, rowEnd};
  if (Status status = checkBuffer(layout, range, bytes.size()); !status)
    return status;
  std::vector<Span<const uint8_t>> segments;
  for (size_t i = 0; i < layout.segments.size(); ++i)
    segments.push_back(
        bytes.subspan(size_t(segmentOffset(layout, i, rows, cols)),
                      size_t(segmentBytes(layout, i, rows, cols))));
  return unpackSegments(layout, format, rows, cols, rowBegin, rowEnd, segments);
}

Status convertLayout(const Layout &source, const Layout &target,
                     const Format &format, int64_t rows, int64_t cols,
                     Span<const uint8_t> from, Span<uint8_t> to) {
  int64_t sourceGrain = readGrain(format, rows);
  int64_t targetGrain = rowGrain(target, format, rows);
  bool isWhole = sourceGrain == rows || targetGrain == rows;
  int64_t grain = isWhole ? rows : std::lcm(sourceGrain, targetGrain);
  std::memset(to.data(), 0, to.size());
  for (int64_t row = 0; row < rows; row += grain) {
    int64_t end = std::min(row + grain, rows);
    auto part = unpackRows(source, format, rows, cols, row, end, from);
    if (!part)
      return part.status().withContext("source");
    Status status = packRows(target, format, rows, cols, row, *part, to);
    if (!status)
      return status.withContext("target");
  }
  return Status::ok();
}

} // namespace quern::numerics
