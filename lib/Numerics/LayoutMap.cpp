// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Laying a layout over a tensor, and finding one bit's address or origin.

#include "LayoutMap.h"
#include <algorithm>
#include <cmath>

namespace quern::numerics {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidArgument, std::move(message));
}

static std::string quoted(const std::string &name) { return "'" + name + "'"; }

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Tiles may overhang the tensor, but not so far that the text of a layout
/// could ask for any amount of memory.
static constexpr int64_t largestOverhang = 65536;

/// `*` becomes the axis' extent.
static Result<int64_t> tileExtent(int64_t tile, int64_t axis,
                                  const char *axisName) {
  if (tile == 0)
    return axis;
  int64_t most = std::max(axis, largestOverhang);
  if (tile > 0 && tile <= most)
    return tile;
  return invalid("expects a tile of 1 to " + std::to_string(most) + " " +
                 axisName + ", but got " + std::to_string(tile));
}

/// Codes of a plane along one axis of a tile.
static Result<int64_t> codesInTile(const Piece &piece, int64_t granule,
                                   int64_t tile, int64_t extent, bool isPartial,
                                   const char *axisName) {
  if (granule == 0 && tile == 0)
    return int64_t(1);
  if (granule != 0 && tile == 0 && isPartial)
    return ceilDiv(extent, granule);
  if (granule != 0 && extent % granule == 0)
    return extent / granule;
  std::string block = granule == 0 ? "all" : std::to_string(granule);
  return invalid("expects tiles that hold whole codes of plane " +
                 quoted(piece.plane) + ", each for " + block + " " + axisName +
                 ", but got tiles of " + std::to_string(extent) + " " +
                 axisName);
}

static Result<std::vector<int64_t>>
multiplyOut(const Piece &piece, const std::vector<Digit> &digits, int64_t count,
            int64_t tileBits, const char *axisName) {
  std::vector<int64_t> offsets(static_cast<size_t>(count));
  for (int64_t index = 0; index < count; ++index) {
    int64_t rest = index, offset = 0;
    for (const Digit &digit : digits) {
      if (digit.extent < 1)
        return invalid("expects digits extent:stride with extent >= 1, but "
                       "got " +
                       std::to_string(digit.extent) + ":" +
                       std::to_string(digit.stride));
      int64_t value = rest % digit.extent;
      rest /= digit.extent;
      if (value > 0 && digit.stride > (tileBits - offset) / value)
        return invalid("plane " + quoted(piece.plane) + ", " + axisName + " " +
                       std::to_string(index) + ": expects a bit below " +
                       std::to_string(tileBits) +
                       ", the end of the tile, but got one beyond");
      if (value > 0 && digit.stride < -(tileBits + offset) / value)
        return invalid("plane " + quoted(piece.plane) + ", " + axisName + " " +
                       std::to_string(index) +
                       ": expects a bit of the tile, but got one before it");
      offset += value * digit.stride;
    }
    if (rest != 0)
      return invalid("plane " + quoted(piece.plane) + ", " + axisName + " " +
                     std::to_string(index) +
                     ": has no place, expects digits that reach " +
                     std::to_string(count) + " codes of a tile, but got " +
                     std::to_string(index));
    offsets[size_t(index)] = offset;
  }
  return offsets;
}

static Status resolveBits(PlacedPiece &placed) {
  const Piece &piece = *placed.piece;
  unsigned bits = placed.plane.element->bits;
  placed.bitLo = piece.bitLo;
  placed.bitHi = piece.bitHi == 0 ? bits : piece.bitHi;
  if (placed.bitLo >= placed.bitHi || placed.bitHi > bits)
    return invalid("plane " + quoted(piece.plane) +
                   ": expects bits within {0:" + std::to_string(bits) +
                   "}, but got {" + std::to_string(placed.bitLo) + ":" +
                   std::to_string(placed.bitHi) + "}");
  if (piece.flipTopBit && placed.bitHi != bits)
    return invalid("plane " + quoted(piece.plane) +
                   ": expects 'flip' on the piece that holds bit " +
                   std::to_string(bits - 1) + ", but got it on {" +
                   std::to_string(placed.bitLo) + ":" +
                   std::to_string(placed.bitHi) + "}");
  const Element &element = *placed.plane.element;
  bool takesLess = element.kind == ElementKind::Int && !element.isSigned &&
                   placed.width() == bits && piece.less >> (bits - 1) >> 1 == 0;
  if (piece.less != 0 && !takesLess)
    return invalid("plane " + quoted(piece.plane) +
                   ": expects 'less' on a piece with all bits of unsigned "
                   "integers, and a number that they have, but got 'less " +
                   std::to_string(piece.less) + "'");
  return Status::ok();
}

/// All addresses of the piece lie in the tile if the least and the largest do.
static Status checkInside(const PlacedPiece &placed, int64_t tileBits) {
  auto row = std::max_element(placed.rowOffset.begin(), placed.rowOffset.end());
  auto col = std::max_element(placed.colOffset.begin(), placed.colOffset.end());
  int64_t width = placed.width();
  // Each within tileBits, which is below 2^54, of 0.
  int64_t least =
      *std::min_element(placed.rowOffset.begin(), placed.rowOffset.end()) +
      *std::min_element(placed.colOffset.begin(), placed.colOffset.end());
  if (placed.piece->base < -least && placed.piece->base >= 0)
    return invalid("plane " + quoted(placed.piece->plane) +
                   ": expects a bit of the tile for each code, but got bit " +
                   std::to_string(placed.piece->base) + " - " +
                   std::to_string(-least) + ", before it");
  int64_t first = *row + *col;
  if (placed.piece->base >= 0 && placed.piece->base <= tileBits - width &&
      first <= tileBits - width - placed.piece->base)
    return Status::ok();
  return invalid("plane " + quoted(placed.piece->plane) + ", row " +
                 std::to_string(row - placed.rowOffset.begin()) + ", col " +
                 std::to_string(col - placed.colOffset.begin()) + ", bit " +
                 std::to_string(placed.bitHi - 1) + ": expects a bit below " +
                 std::to_string(tileBits) +
                 ", the end of the tile, but got bit " +
                 std::to_string(placed.piece->base) + " + " +
                 std::to_string(first + width - 1));
}

/// The columns that the piece places, and of a radix piece the places of their
/// codes in the numbers.
static Status placeCols(PlacedPiece &placed, int64_t tileBits) {
  const Piece &piece = *placed.piece;
  int64_t end = piece.colEnd == 0 ? placed.codeCols : piece.colEnd;
  if (end > placed.codeCols)
    return invalid("plane " + quoted(piece.plane) + ": expects columns up to " +
                   std::to_string(placed.codeCols) + ", but got " +
                   std::to_string(end));
  placed.colBegin = piece.colBegin;
  int64_t count = end - piece.colBegin;
  auto offsets = multiplyOut(piece, piece.cols, count, tileBits, "col");
  if (!offsets)
    return offsets.status();
  placed.colOffset = std::move(*offsets);
  if (piece.radix == 0)
    return Status::ok();
  const Element &element = *placed.plane.element;
  double numbers =
      piece.cols.empty() ? 0 : std::pow(piece.radix, piece.cols.back().extent);
  if (element.levels != piece.radix || piece.cols.empty() ||
      piece.cols.back().stride != 0 || numbers > 256)
    return invalid("plane " + quoted(piece.plane) + ": expects a radix of " +
                   std::to_string(element.levels) +
                   " as its codes have levels, and as the last digit one of "
                   "stride 0 whose numbers fit a byte, but got radix " +
                   std::to_string(piece.radix));
  int64_t weight = 1;
  for (size_t i = 0; i + 1 < piece.cols.size(); ++i)
    weight *= piece.cols[i].extent;
  for (int64_t col = 0; col < count; ++col)
    placed.places.push_back(unsigned(col / weight));
  return Status::ok();
}

static Result<PlacedPiece> placePiece(const Piece &piece,
                                      const std::vector<Plane> &planes,
                                      const Segment &segment,
                                      const PlacedSegment &tile) {
  auto plane = std::find_if(planes.begin(), planes.end(), [&](const Plane &p) {
    return p.path == piece.plane;
  });
  if (plane == planes.end()) {
    std::string known;
    for (const Plane &p : planes)
      known += (known.empty() ? "" : ", ") + quoted(p.path);
    return invalid("expects a plane of the format, one of " + known +
                   ", but got " + quoted(piece.plane));
  }
  if (plane->isFlat != segment.isFlat)
    return invalid("plane " + quoted(piece.plane) + ": expects " +
                   (plane->isFlat ? "tiles marked 'flat', as its blocks are"
                                  : "tiles without 'flat', as its blocks are") +
                   ", but got others");
  PlacedPiece placed;
  placed.piece = &piece;
  placed.plane = *plane;
  if (Status status = resolveBits(placed); !status)
    return status;
  auto codeRows = codesInTile(piece, plane->granule.rows, segment.tileRows,
                              tile.tileRows, plane->isPartial, "rows");
  if (!codeRows)
    return codeRows.status();
  auto codeCols = codesInTile(piece, plane->granule.cols, segment.tileCols,
                              tile.tileCols, plane->isPartial, "cols");
  if (!codeCols)
    return codeCols.status();
  placed.codeRows = *codeRows;
  placed.codeCols = *codeCols;
  int64_t tileBits = tile.tileBytes * 8;
  auto rowOffset = multiplyOut(piece, piece.rows, *codeRows, tileBits, "row");
  if (!rowOffset)
    return rowOffset.status();
  placed.rowOffset = std::move(*rowOffset);
  if (Status status = placeCols(placed, tileBits); !status)
    return status;
  if (Status status = checkInside(placed, tileBits); !status)
    return status;
  return placed;
}

/// A tile much larger than its codes is a mistake, or a trap for whoever
/// allocates the buffer.
static Status checkTileBytes(const PlacedSegment &segment) {
  double used = 0;
  for (const PlacedPiece &piece : segment.pieces)
    used +=
        double(piece.codeRows) * double(piece.colCount()) * piece.width() / 8;
  double most = 4096 + 8 * used;
  if (double(segment.tileBytes) <= most)
    return Status::ok();
  return invalid("expects a tile of at most " + std::to_string(int64_t(most)) +
                 " bytes, 8 times what its codes need and 4096, but got " +
                 std::to_string(segment.tileBytes));
}

/// Fills `placed.order`, which must be a permutation of runs of rows of tiles.
static Status placeRows(const Segment &segment, PlacedSegment &placed) {
  if (segment.order.empty())
    return Status::ok();
  constexpr int64_t mostOrdered = 65536;
  int64_t extent = segment.orderExtent();
  if (extent > mostOrdered || placed.tilesDown % extent)
    return invalid(
        "expects an order of at most " + std::to_string(mostOrdered) +
        " rows of tiles, a divisor of all " + std::to_string(placed.tilesDown) +
        ", but got " + std::to_string(extent));
  std::vector<bool> taken(static_cast<size_t>(extent), false);
  for (int64_t row = 0; row < extent; ++row) {
    int64_t rest = row, place = 0;
    for (const Digit &digit : segment.order) {
      // A stride as long as the run leaves it, and must not overflow.
      bool isPlace = digit.stride >= 0;
      place += rest % digit.extent *
               (isPlace ? std::min(digit.stride, extent) : extent);
      rest /= digit.extent;
      place = std::min(place, extent);
    }
    if (place >= extent || taken[size_t(place)])
      return invalid(
          "expects an order that gives each of " + std::to_string(extent) +
          " rows of tiles a place of its own, but got none for row " +
          std::to_string(row));
    taken[size_t(place)] = true;
    placed.order.push_back(place);
  }
  return Status::ok();
}

static Result<PlacedSegment> placeSegment(const Segment &segment,
                                          const std::vector<Plane> &planes,
                                          int64_t rows, int64_t cols) {
  if (segment.isFlat) {
    cols *= rows;
    rows = 1;
  }
  PlacedSegment placed;
  auto tileRows = tileExtent(segment.tileRows, rows, "rows");
  if (!tileRows)
    return tileRows.status();
  auto tileCols = tileExtent(segment.tileCols, cols, "cols");
  if (!tileCols)
    return tileCols.status();
  constexpr int64_t mostBytes = int64_t(1) << 50;
  if (segment.tileBytes < 1 || segment.tileBytes > mostBytes)
    return invalid("expects a tile of 1 to " + std::to_string(mostBytes) +
                   " bytes, but got " + std::to_string(segment.tileBytes));
  placed.tileRows = *tileRows;
  placed.tileCols = *tileCols;
  placed.tileBytes = segment.tileBytes;
  placed.tilesDown = ceilDiv(rows, *tileRows);
  placed.tilesAcross = ceilDiv(cols, *tileCols);
  if (Status status = placeRows(segment, placed); !status)
    return status;
  placed.pieces.reserve(segment.pieces.size());
  for (const Piece &piece : segment.pieces) {
    auto result = placePiece(piece, planes, segment, placed);
    if (!result)
      return result.status();
    placed.pieces.push_back(std::move(*result));
  }
  if (Status status = checkTileBytes(placed); !status)
    return status;
  return placed;
}

Result<LayoutMap> mapLayout(const Layout &layout, const Format &format,
                            int64_t rows, int64_t cols) {
  // The bound keeps every product below 2^63: 2^40 elements of 32 bits, eight
  // times over, are 2^48 bits.
  constexpr int64_t mostElements = int64_t(1) << 40;
  if (rows < 1 || cols < 1 || rows > mostElements / cols)
    return invalid("expects a matrix of 1 to 2^40 elements, but got [" +
                   std::to_string(rows) + ", " + std::to_string(cols) + "]");
  if (Status status = checkShape(format, rows, cols); !status)
    return status;
  std::vector<Plane> planes = planesOf(format);
  LayoutMap map;
  for (size_t i = 0; i < layout.segments.size(); ++i) {
    auto segment = placeSegment(layout.segments[i], planes, rows, cols);
    if (!segment)
      return segment.status().withContext("segment " + std::to_string(i));
    segment->byteOffset = segmentOffset(layout, i, rows, cols);
    map.push_back(std::move(*segment));
  }
  return map;
}

int64_t PlacedSegment::rowAt(int64_t place) const {
  if (order.empty())
    return place;
  auto extent = int64_t(order.size());
  auto found = std::find(order.begin(), order.end(), place % extent);
  return place - place % extent + (found - order.begin());
}

std::vector<Digit> usedDigits(const std::vector<Digit> &digits, int64_t count) {
  std::vector<Digit> used;
  int64_t weight = 1;
  for (const Digit &digit : digits) {
    int64_t extent = std::min(digit.extent, ceilDiv(count, weight));
    if (digit.extent > 1 && extent <= 1)
      break;
    if (extent > 1)
      used.push_back({extent, digit.stride});
    weight *= extent;
  }
  return used;
}

namespace {

/// Finds coordinates whose digits sum to a given offset. Digits may interleave
/// (no digit need exceed the sum of the smaller ones), so this is a search,
/// but one that prunes all but the right branch for real layouts.
struct DigitSearch {
  struct Step {
    int64_t extent;
    int64_t stride;
    int64_t weight; ///< what one step adds to the coordinate
    bool isRow;
  };
  std::vector<Step> steps;    ///< by falling stride
  std::vector<int64_t> reach; ///< most that steps[i...] can still add
  int64_t row = 0;
  int64_t col = 0;
  const PlacedPiece &piece;

  explicit DigitSearch(const PlacedPiece &piece) : piece(piece) {
    addAxis(piece.piece->rows, piece.codeRows, true);
    addAxis(piece.piece->cols, piece.colCount(), false);
    std::sort(steps.begin(), steps.end(),
              [](const Step &a, const Step &b) { return a.stride > b.stride; });
    reach.assign(steps.size() + 1, int64_t(piece.width()) - 1);
    for (size_t i = steps.size(); i-- > 0;)
      reach[i] = reach[i + 1] + (steps[i].extent - 1) * steps[i].stride;
  }

  void addAxis(const std::vector<Digit> &digits, int64_t count, bool isRow) {
    int64_t weight = 1;
    for (const Digit &digit : usedDigits(digits, count)) {
      steps.push_back({digit.extent, digit.stride, weight, isRow});
      weight *= digit.extent;
    }
  }

  bool find(size_t i, int64_t rest) {
    if (rest < 0 || rest > reach[i])
      return false;
    if (i == steps.size())
      return row < piece.codeRows && col < piece.colCount();
    const Step &step = steps[i];
    int64_t &axis = step.isRow ? row : col;
    int64_t high = step.stride == 0
                       ? step.extent - 1
                       : std::min(step.extent - 1, rest / step.stride);
    for (int64_t value = high; value >= 0; --value) {
      if (rest - value * step.stride > reach[i + 1])
        break;
      axis += value * step.weight;
      if (find(i + 1, rest - value * step.stride))
        return true;
      axis -= value * step.weight;
    }
    return false;
  }
};

} // namespace

bool findTileOrigin(const PlacedSegment &segment, int64_t offset,
                    TileOrigin &origin) {
  for (size_t i = 0; i < segment.pieces.size(); ++i) {
    const PlacedPiece &piece = segment.pieces[i];
    DigitSearch search(piece);
    if (!search.find(0, offset - piece.piece->base))
      continue;
    int64_t col = piece.colBegin + search.col;
    int64_t bit = offset - piece.addressOf(search.row, col);
    origin = {i, search.row, col,
              piece.piece->radix ? 0 : unsigned(bit) + piece.bitLo};
    return true;
  }
  return false;
}

int64_t bitAddress(const Layout &layout, const Format &format, int64_t rows,
                   int64_t cols, const BitOrigin &origin) {
  auto map = mapLayout(layout, format, rows, cols);
  if (!map)
    return -1;
  for (const PlacedSegment &segment : *map)
    for (const PlacedPiece &piece : segment.pieces) {
      if (piece.piece->plane != origin.plane || origin.bit < piece.bitLo ||
          origin.bit >= piece.bitHi)
        continue;
      BlockShape codes = planeShape(piece.plane, rows, cols);
      if (origin.row < 0 || origin.row >= codes.rows || origin.col < 0 ||
          origin.col >= codes.cols)
        return -1;
      int64_t col = origin.col % piece.codeCols;
      if (col < piece.colBegin || col >= piece.colBegin + piece.colCount())
        continue;
      int64_t tile =
          segment.placeOf(origin.row / piece.codeRows) * segment.tilesAcross +
          origin.col / piece.codeCols;
      return (segment.byteOffset + tile * segment.tileBytes) * 8 +
             piece.addressOf(origin.row % piece.codeRows, col) +
             (piece.piece->radix ? 0 : origin.bit - piece.bitLo);
    }
  return -1;
}

BitOrigin bitOrigin(const Layout &layout, const Format &format, int64_t rows,
                    int64_t cols, int64_t address) {
  auto map = mapLayout(layout, format, rows, cols);
  if (!map)
    return {};
  for (const PlacedSegment &segment : *map) {
    int64_t offset = address - segment.byteOffset * 8;
    if (offset < 0 || offset >= segment.bytes() * 8)
      continue;
    int64_t tile = offset / (segment.tileBytes * 8);
    TileOrigin found;
    if (!findTileOrigin(segment, offset % (segment.tileBytes * 8), found))
      return {};
    const PlacedPiece &piece = segment.pieces[found.piece];
    BitOrigin origin;
    origin.row =
        segment.rowAt(tile / segment.tilesAcross) * piece.codeRows + found.row;
    origin.col = tile % segment.tilesAcross * piece.codeCols + found.col;
    origin.bit = found.bit;
    BlockShape codes = planeShape(piece.plane, rows, cols);
    if (origin.row >= codes.rows || origin.col >= codes.cols) // padding
      return {};
    origin.plane = piece.piece->plane;
    return origin;
  }
  return {};
}

} // namespace quern::numerics
