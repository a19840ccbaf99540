// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Sizes of layouts, and the dense layout.

#include "quern/Numerics/Layout.h"
#include <algorithm>
#include <numeric>

namespace quern::numerics {

bool Piece::operator==(const Piece &o) const {
  return plane == o.plane && bitLo == o.bitLo && bitHi == o.bitHi &&
         colBegin == o.colBegin && colEnd == o.colEnd && base == o.base &&
         rows == o.rows && cols == o.cols && radix == o.radix &&
         flipTopBit == o.flipTopBit && less == o.less;
}

bool Segment::operator==(const Segment &o) const {
  return isFlat == o.isFlat && tileRows == o.tileRows &&
         tileCols == o.tileCols && tileBytes == o.tileBytes &&
         order == o.order && pieces == o.pieces;
}

int64_t Segment::orderExtent() const {
  int64_t extent = 1;
  for (const Digit &digit : order)
    if (__builtin_mul_overflow(extent, digit.extent, &extent))
      return INT64_MAX; // more than any tensor has
  return extent;
}

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t tileCount(int64_t extent, int64_t tile) {
  return tile == 0 ? 1 : ceilDiv(extent, tile);
}

int64_t segmentBytes(const Layout &layout, size_t index, int64_t rows,
                     int64_t cols) {
  const Segment &segment = layout.segments[index];
  int64_t tiles = segment.isFlat ? tileCount(rows * cols, segment.tileCols)
                                 : tileCount(rows, segment.tileRows) *
                                       tileCount(cols, segment.tileCols);
  return tiles * segment.tileBytes;
}

int64_t segmentOffset(const Layout &layout, size_t index, int64_t rows,
                      int64_t cols) {
  int64_t offset = 0;
  for (size_t i = 0; i < index; ++i) {
    offset += segmentBytes(layout, i, rows, cols);
    offset = ceilDiv(offset, 64) * 64;
  }
  return offset;
}

int64_t layoutBytes(const Layout &layout, int64_t rows, int64_t cols) {
  if (layout.segments.empty())
    return 0;
  size_t last = layout.segments.size() - 1;
  return segmentOffset(layout, last, rows, cols) +
         segmentBytes(layout, last, rows, cols);
}

/// The multiple of `grain` and `extent`, 0 for all rows. Past `rows` the exact
/// one no longer matters, and must not overflow.
static int64_t joinGrains(int64_t grain, int64_t extent, int64_t rows) {
  return extent == 0 || grain >= rows ? rows : std::lcm(grain, extent);
}

int64_t readGrain(const Format &format, int64_t rows) {
  int64_t grain = 1;
  for (const Plane &plane : planesOf(format))
    grain = joinGrains(grain, plane.isFlat ? 0 : plane.granule.rows, rows);
  return std::min(grain, rows);
}

int64_t rowGrain(const Layout &layout, const Format &format, int64_t rows) {
  int64_t grain = readGrain(format, rows);
  auto join = [&](int64_t extent) { grain = joinGrains(grain, extent, rows); };
  for (const Segment &segment : layout.segments) {
    join(segment.tileRows);
    if (int64_t together = segment.orderExtent(); together > 1) {
      int64_t tileRows = segment.tileRows;
      bool isLarge = together >= rows || tileRows >= rows;
      join(isLarge ? 0 : together * tileRows);
    }
  }
  return std::min(grain, rows);
}

/// Codes of a flat plane to a tile of the dense layout.
static constexpr int64_t kFlatTileCodes = 64;

/// The codes of a plane one after another, `count` to a tile.
static Segment denseSegment(const Plane &plane, int64_t count, int64_t rows) {
  int64_t bits = plane.element->bits;
  Piece piece;
  piece.plane = plane.path;
  piece.bitHi = plane.element->bits;
  if (count > 1)
    piece.cols = {{count, bits}};
  Segment segment;
  segment.isFlat = plane.isFlat;
  segment.tileRows = plane.isFlat ? 1 : plane.granule.rows;
  // A block with more rows than there are may have any number of them; a tile
  // may not.
  if (segment.tileRows > rows)
    segment.tileRows = 0;
  segment.tileCols = 0;
  segment.tileBytes = ceilDiv(count * bits, 8);
  segment.pieces.push_back(std::move(piece));
  return segment;
}

Layout makeDenseLayout(const Format &format, int64_t rows, int64_t cols) {
  Layout layout;
  for (const Plane &plane : planesOf(format)) {
    int64_t count = planeShape(plane, rows, cols).cols;
    // Tiles of whole bytes, so that one that is a whole tensor stays small.
    bool isTiled = plane.isFlat && count > kFlatTileCodes;
    Segment segment =
        denseSegment(plane, isTiled ? kFlatTileCodes : count, rows);
    if (isTiled)
      segment.tileCols = kFlatTileCodes * plane.granule.cols;
    layout.segments.push_back(std::move(segment));
  }
  return layout;
}

} // namespace quern::numerics
