// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The format algebra as data: which numbers the codes of a tensor stand
// for.
//
// A format is a tree. Its root codes the elements of a matrix [rows, cols].
// Where it is scaled, every block of `block.rows` x `block.cols` elements
// shares one scale (and, if there is one, one offset). The scales of all
// blocks form a smaller matrix, which is coded by a format of its own, to any
// depth. The value of an element is
//
//   decode(f) = element(code)                        without a scale
//             = scale * element(code)                OffsetKind::None
//             = scale * element(code) - offset       OffsetKind::Min
//             = scale * element(code) + offset       OffsetKind::Add
//             = scale * (element(code) - offset)     OffsetKind::Zero
//             = scale * element(code) + offset       OffsetKind::Mean
//
// and a root may end in a chain of transforms of the matrix' columns, which are
// applied to what is decoded (ColumnTransform).
//
// There, scale and offset are decoded by the same rule, `scale * e` is
// `e / scale` in a format that divides, and an offset may have smaller blocks
// than the scale. Arithmetic is IEEE
// binary32, one rounding an operation, no fused multiply-add, in the written
// association. Source: FORMATS, the union of the ecosystem's storage formats
// (GGUF, GPTQ, AWQ, OCP MX, bitsandbytes, compressed-tensors).

#ifndef QUERN_NUMERICS_FORMAT_H
#define QUERN_NUMERICS_FORMAT_H

#include "quern/Base/Status.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace quern::numerics {

enum class ElementKind {
  Int,      ///< two's complement (signed) or plain binary (unsigned)
  Float,    ///< a binary floating-point type, see FloatType
  Codebook, ///< a table of 2^bits values or vectors, indexed by the code
};

/// Signs that are stored apart from the codes of a codebook of magnitudes.
enum class SignPolicy {
  None, ///< the codebook holds signed values
  Each, ///< a bit an element; 1 is negative
  /// Seven bits for eight neighbouring elements of a row. The eighth sign makes
  /// the number of negative ones even.
  Even,
};
/// Elements that share one code of SignPolicy::Even.
constexpr unsigned kSignsOfEven = 8;

/// Values that codes index, along a row; the file syntax is in
/// docs/Formats.md.
struct Codebook {
  std::vector<float> values; ///< [entries, vectorSize]
  unsigned vectorSize = 1;   ///< 1, 2, 4, 8 or 16
  bool operator==(const Codebook &o) const {
    return vectorSize == o.vectorSize && values == o.values;
  }
};

/// Layout of a small binary float: [sign] exponent mantissa, high to low.
struct FloatType {
  /// What the top exponent's codes stand for.
  enum class Special {
    Ieee,         ///< infinities and NaNs (f16, bf16, f32, f8E5M2)
    NanOnly,      ///< all ones is NaN, no infinity (f8E4M3FN; f8E8M0FNU)
    FiniteOnly,   ///< every code is a number (f4E2M1FN, f6E2M3FN, f6E3M2FN)
    NegZeroIsNan, ///< FNUZ: 0x80 is the only NaN, no negative zero
  };
  std::string name; ///< MLIR's name: "f8E4M3FN", "bf16", …
  unsigned exponentBits = 0;
  unsigned mantissaBits = 0;
  int bias = 0;
  bool hasSign = true;
  Special special = Special::Ieee;

  unsigned bits() const {
    return (hasSign ? 1 : 0) + exponentBits + mantissaBits;
  }
};

/// The float type called `name`, or null.
const FloatType *lookupFloatType(const std::string &name);
/// Names of all float types, for messages and tests.
std::vector<std::string> floatTypeNames();

/// How one code becomes a number.
struct Element {
  ElementKind kind = ElementKind::Int;
  unsigned bits = 0;     ///< width of a code, 1..32
  bool isSigned = false; ///< Int only
  /// Int only: codes are below this; 0 stands for 2^bits. An element of a
  /// number of levels that is no power of two is a digit of a radix.
  unsigned levels = 0;
  /// Int only: an element is code * multiplier + addend, which is exact.
  float multiplier = 1, addend = 0;
  const FloatType *floatType = nullptr; ///< Float only
  Codebook codebook;                    ///< Codebook only; 2^bits entries
  SignPolicy signs = SignPolicy::None;  ///< Codebook only

  bool isPlainInt() const {
    return kind == ElementKind::Int && multiplier == 1 && addend == 0;
  }
  /// Int only: what a code, sign-extended if signed, stands for.
  float valueOf(int32_t code) const {
    return float(code) * multiplier + addend;
  }
  /// Neighbouring elements of a row that one code stands for.
  unsigned vectorSize() const {
    return kind == ElementKind::Codebook ? codebook.vectorSize : 1;
  }
  /// Whether the value of an element depends on more than a code of its own:
  /// its place in a vector, or its sign.
  bool isComposite() const {
    return vectorSize() > 1 || signs != SignPolicy::None;
  }
  bool operator==(const Element &other) const;
};

/// A plain unsigned integer of `bits` bits.
Element unsignedInt(unsigned bits);

/// Extent of a block; 0 stands for the whole axis, written `*`.
struct BlockShape {
  int64_t rows = 1;
  int64_t cols = 1;
  bool operator==(const BlockShape &o) const {
    return rows == o.rows && cols == o.cols;
  }
};

enum class OffsetKind {
  None,
  Min,
  Add,
  Zero,
  Mean, ///< of the whole matrix, taken off before it is cut into blocks
};

/// "min", "add", "zero" or "mean": the keyword of an offset and the name of its
/// planes.
const char *offsetKeyword(OffsetKind kind);

/// How the exact scale of a block is found from its values.
enum class ScaleStatistic {
  AbsMax,    ///< max |x|
  SignedMax, ///< the value of largest magnitude, with its sign
  Range,     ///< max(0, max x) - min(0, min x)
};

/// How the exact scale is rounded to the codes of the scale's own format.
enum class ScaleRounding {
  Nearest, ///< to nearest, ties to even
  Down,    ///< toward zero magnitude: OCP MX, and ggml for it
  Up,      ///< away from zero
  UpFrom,  ///< up if the significand is at least `threshold`, else down
};

struct ScaleRule {
  ScaleStatistic statistic = ScaleStatistic::AbsMax;
  double divisor = 1; ///< exact scale = statistic / divisor
  ScaleRounding rounding = ScaleRounding::Nearest;
  double threshold = 0; ///< ScaleRounding::UpFrom only, in [1, 2]
  bool operator==(const ScaleRule &other) const;
};

/// The rule of a level that states none: amax over the largest positive value
/// of the element, or range over its whole span where there is an offset.
ScaleRule defaultScaleRule(const Element &element, OffsetKind offset);

/// How x / scale is rounded to an integer code. Floats always round to nearest
/// even and codebooks to nearest, ties to the lower index; their format says
/// Even.
enum class CodeRounding {
  Even, ///< nearest, ties to even
  Away, ///< nearest, ties away from zero
  Up,   ///< nearest, ties toward plus infinity: floor(x + 0.5)
};

/// How the columns of a matrix are changed after it has been decoded; the
/// mathematics are in docs/Formats.md.
enum class ColumnKind {
  Ordered, ///< put into another order
  Apart,   ///< some of them replaced by a matrix that is kept apart
  Scaled,  ///< each multiplied by a number of its own
  Rotated, ///< each run of them multiplied by a Walsh-Hadamard matrix
};

/// The keyword of a kind behind "columns".
const char *columnKeyword(ColumnKind kind);

struct Format;

/// A link of the chain that a root may end in. Numerics/Columns.h applies it.
struct ColumnTransform {
  ColumnKind kind = ColumnKind::Ordered;
  /// Columns that are kept apart, or of a run, a power of two; else 0.
  int64_t count = 0;
  /// Apart: of the matrix [rows, count]. Scaled: of one number a column, a
  /// float of 8, 16 or 32 bits. Null for the others.
  std::shared_ptr<const Format> data;
  bool operator==(const ColumnTransform &other) const;
};

/// Columns are counted with 16 bits; one value more stands for none.
constexpr int64_t kMostTransformedColumns = 65535;

/// A format. Build one by parseFormat, which checks that it makes sense.
struct Format {
  /// Composite elements occur at the root only.
  Element element;
  BlockShape block; ///< in elements of this level; meaningless without a scale
  /// Of the root: blocks at the lower and right edge of the matrix may be cut
  /// short. They are coded as if zeros filled them up.
  bool allowsPartialBlocks = false;
  /// Of the root: the matrix is taken as one row, [1, rows * cols], row-major.
  /// Blocks cross its rows, and the last one of each level may be cut short.
  bool isFlat = false;
  std::shared_ptr<const Format> scale; ///< null: unscaled
  /// An element is divided by its scale, not multiplied.
  bool dividesByScale = false;
  OffsetKind offsetKind = OffsetKind::None;
  std::shared_ptr<const Format> offset; ///< null iff offsetKind is None
  /// Divides `block`; whole axes for Mean; meaningless without an offset.
  BlockShape offsetBlock;
  ScaleRule scaleRule; ///< ScaleRule() without a scale
  CodeRounding codeRounding = CodeRounding::Even;
  /// Codes are chosen with the exact scale (ggml's blocks of one scale) instead
  /// of the scale as stored.
  bool codesFromExactScale = false;
  /// Of the root: W = D columns[0] columns[1] …, where D is what the rest of
  /// the format decodes.
  std::vector<ColumnTransform> columns;

  bool isScaled() const { return scale != nullptr; }
  bool operator==(const Format &other) const;
  bool operator!=(const Format &other) const { return !(*this == other); }
};

/// One array of codes that a format needs, e.g. "code", "sign", "scale",
/// "scale.scale", "min.scale" (in this, depth-first order).
struct Plane {
  std::string path;
  const Element *element = nullptr;
  /// Elements of the tensor that share one code; 0 = whole axis.
  BlockShape granule;
  /// Whether the last granule of an axis may be cut short.
  bool isPartial = false;
  /// Whether granules are of the matrix taken as one row.
  bool isFlat = false;
};

/// The blocks of an offset that states none.
BlockShape defaultOffsetBlock(const Format &format);

/// All planes of `format`: "code", "sign" if there is one, then the scale's,
/// then the offset's. Those of column transforms are not among them, since
/// they have no granules: see Numerics/Columns.h.
std::vector<Plane> planesOf(const Format &format);

/// `format` without its column transforms.
Format withoutColumns(const Format &format);

/// Smallest block of elements that no plane's granule cuts: the least common
/// multiple of all granules; 0 = whole axis. Of a flat format, in the matrix
/// taken as one row.
BlockShape outermostBlock(const Format &format);

/// The same, with blocks that are a whole axis left out: extents of 1 or more.
BlockShape commonBlock(const Format &format);

/// The matrix of codes of `plane` for a tensor of [rows, cols]. A flat plane
/// has one row.
BlockShape planeShape(const Plane &plane, int64_t rows, int64_t cols);

/// Rows of a tensor of [rows, cols] that can be coded apart from the others:
/// they and their multiples end where blocks of all levels end. `rows` if only
/// all of them can.
int64_t codingGrain(const Format &format, int64_t rows, int64_t cols);

/// Average storage of an element in bits, for a tensor of [rows, cols], the
/// data of column transforms included.
double bitsPerElement(const Format &format, int64_t rows, int64_t cols);

/// Fails if blocks do not divide a tensor of [rows, cols], or if a column
/// transform does not fit it; the message names the axis, its extent and the
/// block.
Status checkShape(const Format &format, int64_t rows, int64_t cols);

/// Whether a code stands for the same number in both: they differ at most in
/// how scales and codes are chosen.
bool decodesAs(const Format &format, const Format &other);

class FormatRegistry;
struct FormatLexer;

/// Parses the text of a format. On failure the message says what was expected
/// and found, and `errorOffset` (if not null) is the offending character.
/// Grammar: docs/Formats.md.
Result<Format> parseFormat(const std::string &text,
                           const FormatRegistry &registry,
                           size_t *errorOffset = nullptr);

/// The canonical text; parseFormat(printFormat(f)) == f.
std::string printFormat(const Format &format);

/// Named formats and codebooks: lines of text `name = format`,
/// `codebook name = [v0, v1, …]`, or with a word of digits for each vector
/// `codebook name = [v0, v1, …] { 0101 0011 … }`, which may go over several
/// lines; `#` begins a comment.
class FormatRegistry {
public:
  /// The formats that Quern ships (share/formats.txt, embedded).
  static const FormatRegistry &builtin();

  /// Adds every line of `text`; `fileName` is for messages
  /// ("file:line:column: …"). Redefining a name is an error.
  Status addText(const std::string &text, const std::string &fileName);
  Status addFile(const std::string &path);

  const Format *lookup(const std::string &name) const;
  const Codebook *lookupCodebook(const std::string &name) const;
  std::vector<std::string> names() const;
  /// The name of a format equal to `format`, or "".
  std::string nameOf(const Format &format) const;

  /// The name of a codebook of these values, or "".
  std::string codebookNameOf(const Codebook &codebook) const;

  /// `text` is a registered name, in any case of letters, or the text of a
  /// format.
  Result<Format> resolve(const std::string &text,
                         size_t *errorOffset = nullptr) const;

private:
  Status addLine(FormatLexer &lexer);
  Status addCodebook(FormatLexer &lexer);

  std::vector<std::pair<std::string, Format>> formats;
  std::vector<std::pair<std::string, Codebook>> codebooks;
};

} // namespace quern::numerics

#endif // QUERN_NUMERICS_FORMAT_H
