// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The layout algebra as data: where each bit of a format's planes lies.
//
// A layout maps (plane, row, col, bit) to a bit address in a byte buffer. The
// buffer is a sequence of segments. A segment cuts the tensor into tiles of
// `tileRows` x `tileCols` elements, laid out one after another, row of tiles
// by row of tiles, each of `tileBytes` bytes. Inside a tile, a piece places
// the bits [bitLo, bitHi) of one plane's codes: with r and c the code's
// coordinates inside the tile, counted in the plane's granules and split into
// mixed-radix digits (innermost first),
//
//   address = base + (bit - bitLo) + sum_i rowDigit_i * stride_i
//                                  + sum_j colDigit_j * stride_j     (in bits)
//
// A flat segment cuts tiles from the tensor taken as one row, [1, rows * cols].
//
// Rows of tiles may lie in another order than that of the tensor: with the
// digits of `order`, whose extents multiply to n, the row of tiles i of each
// run of n lies at place sum_i digit_i * stride_i of the run (so GGUF stores
// the query and key rows of Llama).
//
// A piece may place only a range of the tile's columns. In a radix piece the
// last column digit, of extent n, is not an address but a place in a number:
// the codes of a byte are its digits d_0 … d_(n-1) to the base R, and the byte
// holds ceil(v * 256 / R^n) of v = sum_i d_i R^(n-1-i), so that digit i is the
// integer part of R times the fraction of byte * R^i / 256: no division (so
// GGUF stores trits). A piece may store codes less a number; smaller codes have
// no place then (so GPTQ stores zero points).
//
// Bit k of a buffer is bit k % 8 (least significant first) of byte k / 8. The
// digits make every map of the ecosystem a few lines of text, GGUF's split
// nibbles and 12-byte scale packing included: there, too, each range of bits
// moves linearly with each digit. Compare Triton's LinearLayout and CuTe's
// shape:stride pairs.

#ifndef QUERN_NUMERICS_LAYOUT_H
#define QUERN_NUMERICS_LAYOUT_H

#include "quern/Base/Span.h"
#include "quern/Base/Status.h"
#include "quern/Numerics/Format.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace quern::numerics {

/// A mixed-radix digit of a coordinate and what one step of it adds, in bits.
struct Digit {
  int64_t extent = 1;
  int64_t stride = 0;
  bool operator==(const Digit &o) const {
    return extent == o.extent && stride == o.stride;
  }
};

/// Where bits [bitLo, bitHi) of the codes of one plane lie in a tile.
struct Piece {
  std::string plane; ///< a path of planesOf(format)
  unsigned bitLo = 0;
  unsigned bitHi = 0; ///< 0: all bits (with bitLo 0), written without braces
  /// Columns of the tile, in codes, that this piece places; colEnd 0: all.
  int64_t colBegin = 0;
  int64_t colEnd = 0;
  int64_t base = 0; ///< in bits from the start of the tile
  std::vector<Digit>
      rows; ///< innermost first; empty: the tile has one row of codes
  std::vector<Digit> cols;
  unsigned radix = 0; ///< base of the numbers in the bytes; 0: bits
  /// Stored with the code's top bit flipped: two's complement becomes offset
  /// binary (most of GGUF's). Only on the piece that holds the top bit.
  bool flipTopBit = false;
  /// Stored is the code, an unsigned integer, less this. Only on a piece of all
  /// bits.
  uint32_t less = 0;
  bool operator==(const Piece &other) const;
};

struct Segment {
  /// Tiles of the tensor taken as one row, row-major, as planes of flat formats
  /// are.
  bool isFlat = false;
  int64_t tileRows = 1; ///< in elements; 0 = all rows
  int64_t tileCols = 1; ///< in elements; 0 = all cols
  int64_t tileBytes = 0;
  /// Where the rows of tiles lie, innermost digit first, strides in rows of
  /// tiles; empty: as in the tensor.
  std::vector<Digit> order;
  std::vector<Piece> pieces;
  bool operator==(const Segment &other) const;

  /// Rows of tiles that change places with each other; 1 without an order.
  int64_t orderExtent() const;
};

struct Layout {
  std::vector<Segment> segments;
  bool operator==(const Layout &other) const {
    return segments == other.segments;
  }
  bool operator!=(const Layout &other) const { return !(*this == other); }
};

/// Parses the text of a layout. On failure the message says what was expected
/// and found, and `errorOffset` (if not null) is the offending character.
///
///   layout  = segment { "+" segment }
///   segment = "tile" "[" extent "," extent "]" [ "flat" ] [ "order" digits ]
///             bytes "B" "{" piece { ";" piece } "}"
///   extent  = integer | "*"                        elements; "*": whole axis
///   piece   = plane [ "{" bit ":" bit "}" ] [ "[" column ":" column "]" ]
///             "@" base [ "row" digits ] [ "col" digits ]
///             [ "radix" base ] [ "flip" | "less" number ]
///   digits  = "(" extent ":" stride { "," extent ":" stride } ")"
///
/// Base and strides are in bits; digits are innermost first. Strides of a piece
/// may be negative (HQQ keeps the first rows in the high bits). A block of
/// GGUF, a scale in f16 and 32 codes whose low nibbles hold columns 0 to 15:
///
///   tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) flip }
Result<Layout> parseLayout(const std::string &text,
                           size_t *errorOffset = nullptr);
/// The canonical text; parseLayout(printLayout(l)) == l.
std::string printLayout(const Layout &layout);

/// Named layouts that Quern ships (share/layouts.txt, embedded): GGUF's block
/// structs. Null if there is none of that name.
const Layout *lookupLayout(const std::string &name);
std::vector<std::string> layoutNames();

/// Dense row-major arrays, one segment a plane, codes packed least significant
/// bit first, each row padded to a whole byte. A plane of a flat format is one
/// row in tiles of 64 codes.
Layout makeDenseLayout(const Format &format, int64_t rows, int64_t cols);

/// The CPU kernel's panel of 16 rows of the weight (output columns) by K, four
/// consecutive K to a 32-bit lane ("N16K4"); see docs/Formats.md and CPU
/// kernels in docs/Architecture.md. Planes that vary within 16 rows lie in the
/// tile beside the codes, so that a kernel reads one stream.
Layout makeCpuPanelLayout(const Format &format, int64_t rows, int64_t cols);
/// Whether `plane` fills the steps of a panel's tile, in lanes of 32 bits:
/// codes, and signs of single columns. Others take slots.
bool fillsPanelSteps(const Plane &plane);

/// Fails unless `layout` places every bit of every plane of `format` for a
/// tensor of [rows, cols], inside its tile, and no bit of the buffer is used
/// twice: the proof that the map can be inverted.
Status checkLayout(const Layout &layout, const Format &format, int64_t rows,
                   int64_t cols);

/// Size of the buffer; segments begin at multiples of 64 bytes.
int64_t layoutBytes(const Layout &layout, int64_t rows, int64_t cols);
/// Size of segment `index` and its offset, in bytes.
int64_t segmentBytes(const Layout &layout, size_t index, int64_t rows,
                     int64_t cols);
int64_t segmentOffset(const Layout &layout, size_t index, int64_t rows,
                      int64_t cols);

/// A place in the buffer, mapped back.
struct BitOrigin {
  std::string plane; ///< empty: padding
  int64_t row = 0;   ///< in granules of the plane
  int64_t col = 0;
  unsigned bit = 0;
};

/// Bit address of (plane, row, col, bit); -1 if the layout has no such bit. Of
/// a code in a radix piece, the address of its byte.
int64_t bitAddress(const Layout &layout, const Format &format, int64_t rows,
                   int64_t cols, const BitOrigin &origin);
/// The inverse of bitAddress; of a bit of a radix piece, one of the codes that
/// share its byte.
BitOrigin bitOrigin(const Layout &layout, const Format &format, int64_t rows,
                    int64_t cols, int64_t address);

/// The codes of one plane, row-major, each sign- or zero-extended to 32 bits
/// as its element says.
struct PlaneCodes {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<int32_t> codes;
};

/// A coded tensor: the codes of every plane, by path. No layout: this is what
/// solvers produce and the reference reads.
struct CodedTensor {
  int64_t rows = 0;
  int64_t cols = 0;
  std::map<std::string, PlaneCodes> planes;
};

/// Writes the rows [rowBegin, rowBegin + part.rows) of a tensor of [rows, cols]
/// into its buffer `bytes`, whose size is layoutBytes(layout, rows, cols) and
/// which was zeroed before the first call. `rowBegin` and, but for the last
/// part, `part.rows` are multiples of rowGrain(). Calls for distinct parts
/// touch distinct bytes, so packing streams and runs in parallel. Fails at a
/// code that the layout has no place for.
Status packRows(const Layout &layout, const Format &format, int64_t rows,
                int64_t cols, int64_t rowBegin, const CodedTensor &part,
                Span<uint8_t> bytes);
/// Reads rows [rowBegin, rowEnd) back, multiples of readGrain() or the end.
/// Fails at a stored number that no code has.
Result<CodedTensor> unpackRows(const Layout &layout, const Format &format,
                               int64_t rows, int64_t cols, int64_t rowBegin,
                               int64_t rowEnd, Span<const uint8_t> bytes);
/// The same, of segments that lie apart: each in a buffer of its segmentBytes.
Result<CodedTensor> unpackSegments(const Layout &layout, const Format &format,
                                   int64_t rows, int64_t cols, int64_t rowBegin,
                                   int64_t rowEnd,
                                   Span<const Span<const uint8_t>> segments);
/// Rows that packRows and unpackRows can handle alone: the least common
/// multiple of every tile's rows, as many as change places, and every granule's
/// rows; `rows` if one of them is the whole axis or the format is flat.
int64_t rowGrain(const Layout &layout, const Format &format, int64_t rows);

/// Rows that unpackRows can handle alone, a divisor of rowGrain(): the least
/// common multiple of every granule's rows; `rows` if one of them is the whole
/// axis or the format is flat.
int64_t readGrain(const Format &format, int64_t rows);

/// Conversion between any two layouts of one format: target after the inverse
/// of source.
Status convertLayout(const Layout &source, const Layout &target,
                     const Format &format, int64_t rows, int64_t cols,
                     Span<const uint8_t> from, Span<uint8_t> to);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_LAYOUT_H
