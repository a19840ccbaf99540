// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Whether codes of one format can become codes of another that stand for
// the same numbers, and how.
//
// A transcoding is exact if for all codes of the one format there are codes of
// the other that decode to equal numbers (zeros may differ in sign). That is
// decided here by proof, from what the formats are and not from their names.
// At a level of the two trees, with e an element, s its scale and z its zero
// point, both sides are one rounding of a product,
//
//   from: fl(s (e - z))          to: fl(s' (e' - z'))
//
// which are equal if for one factor r
//
//   e' - z' = r (e - z)   for all codes, which are finitely many: a table;
//   s' = s / r            for all scales: the same question one level down, or,
//                         where `to` has plain scales, a check of every number
//                         that a scale of `from` can be.
//
// Where a scale of `from` is negative and those of `to` are not, -r takes the
// place of r for its block: codes are flipped. A value that is added after the
// product stays the same value. At last each number that `to` shares among
// elements must be shared by them in `from`, too: blocks may become smaller, by
// repeating what they share, but not larger.
//
// The numbers of binary32 are not tried one by one. What holds for all of them
// is that they are equal to themselves, and that with a factor other than 1 or
// -1 the largest or the least one has no place. Of trees of more numbers than
// can be tried nothing is proved.
//
// Codes that stand for NaN or infinity, and scales that leave the range of
// binary32 when they are decoded, are none that a transcoding takes.

#ifndef QUERN_NUMERICS_TRANSCODE_H
#define QUERN_NUMERICS_TRANSCODE_H

#include "quern/Numerics/ErrorBound.h"
#include "quern/Numerics/Format.h"
#include "quern/Numerics/Layout.h"
#include <memory>
#include <string>
#include <vector>

namespace quern::numerics {

/// A factor: numbers of binary32, so that products with one are exact in
/// binary64.
struct Ratio {
  double num = 1, den = 1;
  bool isOne() const { return num == den; }
  bool isSign() const { return num == den || num == -den; }
  Ratio inverse() const { return {den, num}; }
  Ratio negated() const { return {-num, den}; }
};

/// How the planes of one level and of those below it become those of another.
struct LevelMap {
  enum class Kind {
    Copy,   ///< of equal elements without scales: codes as they are
    Value,  ///< codes of the decoded values, which need no scale in `to`
    Scaled, ///< elements by a table, scales and offsets by maps of their own
  };
  Kind kind = Kind::Copy;
  /// Value: what a decoded value is multiplied by. Scaled: r, for elements.
  Ratio factor;
  /// Value: of the magnitude; the level above takes the sign.
  bool isMagnitude = false;
  /// Scaled: -r for elements whose scale is negative.
  bool takesSign = false;
  /// Scaled: elements are equal and so are their codes.
  bool copiesCodes = false;
  /// Scaled: `from` has no scales; those of `to` are all `madeScale`.
  bool makesScales = false;
  float madeScale = 1;
  std::shared_ptr<const LevelMap> scale;
  /// Of a value that is added or subtracted after the product. Null beside an
  /// offset of `to` that is one: then it is zero everywhere.
  std::shared_ptr<const LevelMap> offset;
  /// Zero points, whose codes are copied; else they come out of the table.
  std::shared_ptr<const LevelMap> zero;
};

enum class TranscodingKind {
  Exact,      ///< equal numbers, whatever the codes are
  Bounded,    ///< numbers must be coded again, with a bound of the error
  Impossible, ///< nothing can be promised
};

/// "exact", "bounded" or "impossible".
const char *transcodingKindName(TranscodingKind kind);

/// The answer for a pair of formats.
struct Transcoding {
  TranscodingKind kind = TranscodingKind::Impossible;
  /// Exact: only where codes lie may change.
  bool isLayoutOnly = false;
  /// Exact: what is done to codes, scales and offsets. Else what has no place,
  /// with an example. Parts of sentences, without a period.
  std::vector<std::string> details;
  LevelMap map; ///< Exact only
  /// Bounded: of the error of each value that is coded again by the rules of
  /// the format; of the root of their mean square where a solver searches.
  ErrorBound bound;
  /// Bounded: the bound holds for blocks of magnitudes up to this.
  double largest = 0;

  bool isExact() const { return kind == TranscodingKind::Exact; }
  /// All of it in one line: "exact: codes as they are, …".
  std::string text() const;
};

/// Decides for all codes of `from`. The blocks of both must divide the tensor
/// (checkShape); with that, the answer holds for all shapes. A pair that was
/// asked for before costs nothing.
Transcoding classifyTranscoding(const Format &from, const Format &to);

/// What one code becomes in a table of a level of codes.
struct CodeChange {
  int32_t from = 0;
  int32_t to = 0;
};

/// The table of root codes of an exact transcoding between elements that are
/// not composite, ascending in `from`: for a block whose scale has the given
/// sign and whose zero point, if `from` has one, is `zero`. `zeroCode` (if not
/// null) gets the code of the zero point of `to`, or 0.
std::vector<CodeChange> codeTable(const Transcoding &transcoding,
                                  const Format &from, const Format &to,
                                  bool isNegative = false, float zero = 0,
                                  int32_t *zeroCode = nullptr);

/// The codes in `to` of a tensor, or of rows that hold whole blocks of both
/// formats. `transcoding` is the exact answer for the two. Errors: an answer
/// that is not; a shape that the blocks of `to` do not divide; with row and
/// column, NaN or infinity in a scale, an offset or an element.
Result<CodedTensor> transcodeCodes(const Transcoding &transcoding,
                                   const Format &from, const Format &to,
                                   const CodedTensor &coded);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_TRANSCODE_H
