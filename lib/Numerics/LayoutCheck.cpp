// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The proof that a layout can be inverted.
//
// Two facts make it: each bit of each plane belongs to exactly one piece, and
// the places of a tile's pieces are distinct. The second is first tried by
// algebra: if, sorted by stride, each digit steps over the whole reach of the
// smaller ones, a piece's map is injective and covers one interval; disjoint
// intervals end the proof, whatever the tile's size. Interleaved pieces, as in
// GGUF's block structs, are decided by marking every bit of the tile.

#include "LayoutMap.h"
#include <algorithm>
#include <optional>

namespace quern::numerics {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidArgument, std::move(message));
}

namespace {
struct Interval {
  int64_t begin;
  int64_t end;
};
} // namespace

/// Pieces that cut a tile's columns among them must leave none out and place
/// none twice; a piece without a range places all.
static Status checkColumns(const std::string &what,
                           std::vector<Interval> columns, int64_t count) {
  if (columns.size() == 1 && columns[0].begin == 0 && columns[0].end == count)
    return Status::ok();
  bool isCut = columns.size() > 1;
  for (const Interval &range : columns)
    isCut &= range.end - range.begin < count;
  if (!isCut && columns.size() != 1)
    return invalid(what + ", but got " + std::to_string(columns.size()));
  std::sort(
      columns.begin(), columns.end(),
      [](const Interval &a, const Interval &b) { return a.begin < b.begin; });
  int64_t next = 0;
  for (const Interval &range : columns) {
    if (range.begin != next)
      return invalid(what + ", but got column " + std::to_string(next) +
                     (range.begin > next ? " without one" : " with two"));
    next = range.end;
  }
  if (next == count)
    return Status::ok();
  return invalid(what + ", but got column " + std::to_string(next) +
                 " without one");
}

/// Each bit of `plane` is placed by exactly one piece, or by several that share
/// its columns.
static Status checkCoverage(const Plane &plane, const LayoutMap &map) {
  for (unsigned bit = 0; bit < plane.element->bits; ++bit) {
    std::vector<Interval> columns;
    int64_t count = 0;
    for (const PlacedSegment &segment : map)
      for (const PlacedPiece &piece : segment.pieces) {
        if (piece.piece->plane != plane.path || bit < piece.bitLo ||
            bit >= piece.bitHi)
          continue;
        columns.push_back({piece.colBegin, piece.colBegin + piece.colCount()});
        count = piece.codeCols;
      }
    std::string what = "plane '" + plane.path +
                       "': expects one place for bit " + std::to_string(bit) +
                       " of a code";
    if (Status status = checkColumns(what, columns, count); !status)
      return status;
  }
  return Status::ok();
}

/// The interval that `piece` fills without meeting itself, if algebra can tell.
static std::optional<Interval> injectiveInterval(const PlacedPiece &piece) {
  std::vector<Digit> digits = {{int64_t(piece.width()), 1}};
  for (const Digit &digit : usedDigits(piece.piece->rows, piece.codeRows))
    digits.push_back(digit);
  std::vector<Digit> cols = piece.piece->cols;
  int64_t count = piece.colCount();
  if (piece.piece->radix) { // its last digit is no address
    cols.pop_back();
    count = std::count(piece.places.begin(), piece.places.end(), 0u);
  }
  for (const Digit &digit : usedDigits(cols, count))
    digits.push_back(digit);
  int64_t begin = piece.piece->base; // least address
  for (Digit &digit : digits)
    if (digit.stride < 0) { // counted from the other end
      begin += (digit.extent - 1) * digit.stride;
      digit.stride = -digit.stride;
    }
  std::sort(digits.begin(), digits.end(),
            [](const Digit &a, const Digit &b) { return a.stride < b.stride; });
  int64_t reach = 0; // largest sum of the digits so far
  for (const Digit &digit : digits) {
    if (digit.extent > 1 && digit.stride <= reach)
      return std::nullopt;
    reach += (digit.extent - 1) * digit.stride;
  }
  return Interval{begin, begin + reach + 1};
}

static bool provenDisjoint(const PlacedSegment &segment) {
  std::vector<Interval> intervals;
  for (const PlacedPiece &piece : segment.pieces) {
    auto interval = injectiveInterval(piece);
    if (!interval)
      return false;
    intervals.push_back(*interval);
  }
  std::sort(
      intervals.begin(), intervals.end(),
      [](const Interval &a, const Interval &b) { return a.begin < b.begin; });
  for (size_t i = 1; i < intervals.size(); ++i)
    if (intervals[i].begin < intervals[i - 1].end)
      return false;
  return true;
}

/// Calls visit(piece, row, col, bit, address) for every bit of a tile until it
/// returns false.
template <typename Visit>
static void forEachBit(const PlacedSegment &segment, Visit visit) {
  for (const PlacedPiece &piece : segment.pieces)
    for (int64_t row = 0; row < piece.codeRows; ++row)
      for (int64_t i = 0; i < piece.colCount(); ++i) {
        if (piece.piece->radix && piece.places[size_t(i)] != 0)
          continue; // shares the byte of its number's first digit
        int64_t col = piece.colBegin + i;
        for (unsigned bit = 0; bit < piece.width(); ++bit)
          if (!visit(piece, row, col, piece.bitLo + bit,
                     piece.addressOf(row, col) + bit))
            return;
      }
}

static std::string describe(const PlacedPiece &piece, int64_t row, int64_t col,
                            unsigned bit) {
  return "plane '" + piece.piece->plane + "', row " + std::to_string(row) +
         ", col " + std::to_string(col) + ", bit " + std::to_string(bit);
}

/// Marks every bit of a tile; fails at the first that is marked twice.
static Status checkEveryBit(const PlacedSegment &segment) {
  std::vector<bool> taken(static_cast<size_t>(segment.tileBytes * 8), false);
  std::string second;
  int64_t shared = -1;
  forEachBit(segment, [&](const PlacedPiece &piece, int64_t row, int64_t col,
                          unsigned bit, int64_t address) {
    if (taken[size_t(address)]) {
      shared = address;
      second = describe(piece, row, col, bit);
    }
    taken[size_t(address)] = true;
    return shared < 0;
  });
  if (shared < 0)
    return Status::ok();
  std::string first;
  forEachBit(segment, [&](const PlacedPiece &piece, int64_t row, int64_t col,
                          unsigned bit, int64_t address) {
    if (address == shared)
      first = describe(piece, row, col, bit);
    return first.empty();
  });
  return invalid("expects a place of its own for " + second + ", but got bit " +
                 std::to_string(shared) + " of the tile, the place of " +
                 first);
}

Status checkLayout(const Layout &layout, const Format &format, int64_t rows,
                   int64_t cols) {
  if (!format.columns.empty())
    return invalid("expects a format without column transforms, whose parts "
                   "have layouts of their own, but got " +
                   printFormat(format));
  auto map = mapLayout(layout, format, rows, cols);
  if (!map)
    return map.status();
  for (const Plane &plane : planesOf(format))
    if (Status status = checkCoverage(plane, *map); !status)
      return status;
  for (size_t i = 0; i < map->size(); ++i)
    if (!provenDisjoint((*map)[i]))
      if (Status status = checkEveryBit((*map)[i]); !status)
        return status.withContext("segment " + std::to_string(i));
  return Status::ok();
}

} // namespace quern::numerics
