// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The layout that CPU kernels read: 16 rows of the weight to a panel.
//
// A weight [N, K] is cut into panels of 16 rows (16 output columns of the
// product, one to a 32-bit lane of a 512-bit register), a panel into tiles of
// T columns. T is a multiple of the extent of the outermost block of scales, so
// that a kernel meets whole blocks, and such that scales fill cache lines and
// codes begin on one, if K is whole tiles of so many columns. Formats whose
// scales do not vary along K get T = 64, or what there is, in eights. Tiles of
// a panel follow each other along K, so a kernel reads one stream:
//
//   panel 0: [tile 0][tile 1] … | panel 1: …
//   tile:    [scale codes, coarsest first][codes, low bits first]
//
// Scale-like planes (scales, minima, scales of scales) take one slot of 8, 16
// or 32 bits a code: 16 slots for the 16 rows, then the next sub-block. For
// 4-bit codes with 6-bit scales and minima to 32, and f16 scales of these to
// 256 columns, this is (offsets in bits)
//
//   scale.scale{0:16} @0    row(16:16)             16 x f16
//   min.scale{0:16}   @256  row(16:16)             16 x f16
//   scale{0:6}        @512  row(16:8) col(8:128)    8 sub-blocks x 16 bytes
//   min{0:6}          @1536 row(16:8) col(8:128)
//   code{0:4}         @2560 row(16:32) col(4:8, 2:4, 32:512)
//
// Codes are cut into pieces of 1, 2, 4, 8, 16 or 32 bits, low bits first (6
// bits = 4 + 2). A piece of p < 8 bits fills steps of 64 bytes: row n is the
// lane n; byte kk of the lane, field j of the byte is
//
//   k = kk + 4 * j + (32 / p) * step
//
// so that masking and shifting one register yields 8/p operands of a
// four-way byte dot product, with no shuffle. A piece of 8 bits is a step of 4
// columns, of 16 bits 2 columns, of 32 bits 1 column. Signed integers of at
// most 8 bits are stored in offset binary (`flip`): that instruction wants an
// unsigned operand.
//
// Codes of vectors of a codebook fill steps likewise, with vectors in place of
// columns. A plane of one sign a column is a piece of 1 bit; codes of eight
// signs take slots, as scales do.
//
// Scale planes that do not vary along K lie in a segment before the codes,
// tile [16, *]; those that several rows share in one tile of whole rows, one
// slot a code.

#include "quern/Numerics/Layout.h"
#include <algorithm>
#include <numeric>

namespace quern::numerics {

static constexpr int64_t panelRows = 16;
static constexpr int64_t laneBits = 32;
static constexpr int64_t stepBits = panelRows * laneBits;
static constexpr int64_t lineBytes = 64;
/// Columns of a tile where no scale says how many.
static constexpr int64_t plainTileCols = 64;
/// Blocks of fewer columns share a tile, so that a kernel has few turns.
static constexpr int64_t fewTileCols = 128;
/// More columns than that no tile has for the sake of cache lines.
static constexpr int64_t mostTileCols = 1024;

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// A power of two of at least 8 bits, so that scales load as whole integers.
static int64_t slotBits(const Plane &plane) {
  int64_t slot = 8;
  while (slot < plane.element->bits)
    slot *= 2;
  return slot;
}

bool fillsPanelSteps(const Plane &plane) {
  return plane.path == "code" ||
         (plane.path == "sign" && plane.granule.cols == 1);
}

/// Whether `plane` lies in the tile beside the codes.
static bool isInTile(const Plane &plane) {
  return plane.granule.rows == 1 && plane.granule.cols != 0;
}

/// Width of the piece that begins at bit `low` of a code of `bits` bits.
static int64_t pieceBits(int64_t bits, int64_t low) {
  int64_t width = 32;
  while (width > bits - low)
    width /= 2;
  return width;
}

/// Columns that one step of a piece holds.
static int64_t stepCols(int64_t width) { return laneBits / width; }

static int64_t tileColsOf(const std::vector<Plane> &planes, int64_t cols) {
  int64_t extent = 1, leastCols = 1;
  bool variesAlongCols = false;
  for (const Plane &plane : planes) {
    if (fillsPanelSteps(plane)) {
      int64_t bits = plane.element->bits;
      for (int64_t low = 0; low < bits; low += pieceBits(bits, low))
        leastCols = std::max(leastCols, stepCols(pieceBits(bits, low)));
      extent = std::lcm(extent, plane.granule.cols);
    } else if (plane.granule.cols != 0) {
      variesAlongCols = true;
      extent = std::lcm(extent, plane.granule.cols);
    }
  }
  if (!variesAlongCols) {
    // A matrix of a few columns, such as those kept apart, fills no such tile.
    int64_t grain = std::lcm(extent, std::max<int64_t>(leastCols, 8));
    return std::min(plainTileCols, ceilDiv(cols, grain) * grain);
  }
  // A block shorter than one step would leave most of every step empty.
  return extent < leastCols ? ceilDiv(leastCols, extent) * extent : extent;
}

/// `least` columns or twice, four times, ... as many, of which `cols` is whole
/// ones: where scales fill cache lines.
static int64_t alignedTileCols(const std::vector<Plane> &planes, int64_t least,
                               int64_t cols) {
  auto scaleBytes = [&](int64_t tileCols) {
    int64_t bits = 0;
    for (const Plane &plane : planes)
      if (!fillsPanelSteps(plane) && isInTile(plane))
        bits += panelRows * slotBits(plane) * (tileCols / plane.granule.cols);
    return bits / 8;
  };
  int64_t best = least;
  for (int64_t tile = least; tile <= mostTileCols && cols % tile == 0;
       tile *= 2) {
    bool isWhole = scaleBytes(tile) % lineBytes == 0;
    if (isWhole || tile <= fewTileCols)
      best = tile;
    if (isWhole && tile >= fewTileCols)
      break;
  }
  return best;
}

static Piece slotPiece(const Plane &plane, int64_t base, int64_t colCodes) {
  Piece piece;
  piece.plane = plane.path;
  piece.bitHi = plane.element->bits;
  piece.base = base;
  int64_t slot = slotBits(plane);
  piece.rows = {{panelRows, slot}};
  if (colCodes > 1)
    piece.cols = {{colCodes, panelRows * slot}};
  return piece;
}

/// A segment of its own for a plane of the panel's rows that K does not vary.
static Segment panelScaleSegment(const Plane &plane) {
  Segment segment;
  segment.tileRows = panelRows;
  segment.tileCols = 0;
  segment.tileBytes = panelRows * slotBits(plane) / 8;
  segment.pieces = {slotPiece(plane, 0, 1)};
  return segment;
}

/// A segment of its own for a plane whose codes several rows share.
static Segment sharedScaleSegment(const Plane &plane, int64_t rows,
                                  int64_t cols) {
  int64_t slot = slotBits(plane), count = planeShape(plane, rows, cols).cols;
  Piece piece;
  piece.plane = plane.path;
  piece.bitHi = plane.element->bits;
  if (count > 1)
    piece.cols = {{count, slot}};
  Segment segment;
  segment.tileRows = plane.granule.rows;
  segment.tileCols = 0;
  segment.tileBytes = count * slot / 8;
  segment.pieces = {std::move(piece)};
  return segment;
}

/// `count` codes of a row from bit `low` on.
static Piece codePiece(const Plane &plane, int64_t low, int64_t base,
                       int64_t count) {
  int64_t bits = plane.element->bits, width = pieceBits(bits, low);
  Piece piece;
  piece.plane = plane.path;
  piece.bitLo = unsigned(low);
  piece.bitHi = unsigned(low + width);
  piece.base = base;
  piece.rows = {{panelRows, laneBits}};
  if (width < 8)
    piece.cols = {{4, 8}, {8 / width, width}};
  else if (width < laneBits)
    piece.cols = {{laneBits / width, width}};
  int64_t steps = ceilDiv(count, stepCols(width));
  if (steps > 1)
    piece.cols.push_back({steps, stepBits});
  const Element &element = *plane.element;
  piece.flipTopBit = element.kind == ElementKind::Int && element.isSigned &&
                     bits <= 8 && low + width == bits;
  return piece;
}

/// Whole cache lines where that costs little; a step is whole 32-bit words
/// anyway.
static int64_t paddedTileBytes(int64_t bytes) {
  int64_t lines = ceilDiv(bytes, lineBytes) * lineBytes;
  return (lines - bytes) * 50 < bytes ? lines : ceilDiv(bytes, 4) * 4;
}

static Segment codeSegment(const std::vector<Plane> &planes, int64_t cols) {
  std::vector<const Plane *> scales;
  for (const Plane &plane : planes)
    if (!fillsPanelSteps(plane) && isInTile(plane))
      scales.push_back(&plane);
  std::sort(scales.begin(), scales.end(), [](const Plane *a, const Plane *b) {
    if (a->granule.cols != b->granule.cols)
      return a->granule.cols > b->granule.cols;
    return a < b; // the order of planesOf
  });
  Segment segment;
  segment.tileRows = panelRows;
  segment.tileCols = tileColsOf(planes, cols);
  if (!scales.empty())
    segment.tileCols = alignedTileCols(planes, segment.tileCols, cols);
  int64_t base = 0;
  for (const Plane *plane : scales) {
    int64_t codes = segment.tileCols / plane->granule.cols;
    segment.pieces.push_back(slotPiece(*plane, base, codes));
    base += panelRows * slotBits(*plane) * codes;
  }
  for (const Plane &plane : planes) {
    if (!fillsPanelSteps(plane))
      continue;
    int64_t bits = plane.element->bits;
    int64_t count = segment.tileCols / plane.granule.cols;
    for (int64_t low = 0; low < bits; low += pieceBits(bits, low)) {
      segment.pieces.push_back(codePiece(plane, low, base, count));
      base += stepBits * ceilDiv(count, stepCols(pieceBits(bits, low)));
    }
  }
  segment.tileBytes = paddedTileBytes(base / 8);
  return segment;
}

Layout makeCpuPanelLayout(const Format &format, int64_t rows, int64_t cols) {
  std::vector<Plane> planes = planesOf(format);
  Layout layout;
  for (const Plane &plane : planes) {
    if (fillsPanelSteps(plane) || isInTile(plane))
      continue;
    layout.segments.push_back(plane.granule.rows == 1
                                  ? panelScaleSegment(plane)
                                  : sharedScaleSegment(plane, rows, cols));
  }
  layout.segments.push_back(codeSegment(planes, cols));
  return layout;
}

} // namespace quern::numerics
