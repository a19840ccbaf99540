// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A layout laid over a tensor of known shape: the tables that checking,
// addressing and packing share. Internal to Numerics.

#ifndef QUERN_LIB_NUMERICS_LAYOUTMAP_H
#define QUERN_LIB_NUMERICS_LAYOUTMAP_H

#include "quern/Numerics/Layout.h"

namespace quern::numerics {

/// A piece with its plane found and its digits multiplied out: bit b of the
/// code (r, c) of a tile lies at
/// piece->base + rowOffset[r] + colOffset[c] + b - bitLo.
struct PlacedPiece {
  const Piece *piece = nullptr;
  Plane plane;
  unsigned bitLo = 0; ///< as in the piece, with "all bits" resolved
  unsigned bitHi = 0;
  int64_t codeRows = 0; ///< codes of the plane in a tile
  int64_t codeCols = 0;
  int64_t colBegin = 0; ///< of these, the first that this piece places
  std::vector<int64_t> rowOffset; ///< in bits, one a row of codes in a tile
  std::vector<int64_t> colOffset; ///< one a column from colBegin on
  std::vector<unsigned> places;   ///< of a radix piece: in the number, likewise

  int64_t colCount() const { return int64_t(colOffset.size()); }
  /// Bits at the address of a code.
  unsigned width() const { return piece->radix ? 8 : bitHi - bitLo; }
  int64_t addressOf(int64_t row, int64_t col) const {
    return piece->base + rowOffset[size_t(row)] +
           colOffset[size_t(col - colBegin)];
  }
};

/// A segment with `*` replaced by the extent of the axis.
struct PlacedSegment {
  int64_t tileRows = 0;
  int64_t tileCols = 0;
  int64_t tileBytes = 0;
  int64_t tilesDown = 0;
  int64_t tilesAcross = 0;
  int64_t byteOffset = 0;
  /// The place of each row of tiles of a run; empty: its own.
  std::vector<int64_t> order;
  std::vector<PlacedPiece> pieces;

  /// Where row `tileRow` of tiles lies, counted in such rows.
  int64_t placeOf(int64_t tileRow) const {
    if (order.empty())
      return tileRow;
    auto extent = int64_t(order.size());
    return tileRow - tileRow % extent + order[size_t(tileRow % extent)];
  }
  /// The inverse: the row of tiles at `place`.
  int64_t rowAt(int64_t place) const;
  int64_t bytes() const { return tilesDown * tilesAcross * tileBytes; }
};

/// Points into the layout and the format, which must outlive it.
using LayoutMap = std::vector<PlacedSegment>;

/// Resolves `layout` for a tensor of [rows, cols]. Fails unless the format's
/// blocks divide the tensor, every piece names a plane and bits of `format`,
/// every tile holds whole codes, and every code's bits lie inside the tile.
/// Whether places are complete and distinct is checkLayout's question.
Result<LayoutMap> mapLayout(const Layout &layout, const Format &format,
                            int64_t rows, int64_t cols);

/// The digits that coordinates 0 … count - 1 use: the outermost ones cut to
/// what they reach, those that stay zero left out.
std::vector<Digit> usedDigits(const std::vector<Digit> &digits, int64_t count);

/// The place in `segment`'s tile that bit `offset` of it belongs to, in codes
/// of the tile; false if it is padding. `piece` is the index of the piece.
struct TileOrigin {
  size_t piece = 0;
  int64_t row = 0;
  int64_t col = 0;
  unsigned bit = 0;
};
bool findTileOrigin(const PlacedSegment &segment, int64_t offset,
                    TileOrigin &origin);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_LAYOUTMAP_H
