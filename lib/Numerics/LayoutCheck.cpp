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

/// Each bit of `plane` is placed by exactly one piece.
static Status checkCoverage(const Plane &plane, const LayoutMap &map) {
  std::vector<unsigned> places(plane.element->bits, 0);
  for (const PlacedSegment &segment : map)
    for (const PlacedPiece &piece : segment.pieces)
      if (piece.piece->plane == plane.path)
        for (unsigned bit = piece.bitLo; bit < piece.bitHi; ++bit)
          ++places[bit];
  for (unsigned bit = 0; bit < places.size(); ++bit)
    if (places[bit] != 1)
      return invalid("plane '" + plane.path + "': expects one place for bit " +
                     std::to_string(bit) + " of a code, but got " +
                     std::to_string(places[bit]));
  return Status::ok();
}

namespace {
struct Interval {
  int64_t begin;
  int64_t end;
};
} // namespace

/// The interval that `piece` fills without meeting itself, if algebra can tell.
static std::optional<Interval> injectiveInterval(const PlacedPiece &piece) {
  std::vector<Digit> digits = {{int64_t(piece.bitHi - piece.bitLo), 1}};
  for (const Digit &digit : usedDigits(piece.piece->rows, piece.codeRows))
    digits.push_back(digit);
  for (const Digit &digit : usedDigits(piece.piece->cols, piece.codeCols))
    digits.push_back(digit);
  std::sort(digits.begin(), digits.end(),
            [](const Digit &a, const Digit &b) { return a.stride < b.stride; });
  int64_t reach = 0; // largest sum of the digits so far
  for (const Digit &digit : digits) {
    if (digit.extent > 1 && digit.stride <= reach)
      return std::nullopt;
    reach += (digit.extent - 1) * digit.stride;
  }
  return Interval{piece.piece->base, piece.piece->base + reach + 1};
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
      for (int64_t col = 0; col < piece.codeCols; ++col)
        for (unsigned bit = piece.bitLo; bit < piece.bitHi; ++bit)
          if (!visit(piece, row, col, bit,
                     piece.addressOf(row, col) + (bit - piece.bitLo)))
            return;
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
