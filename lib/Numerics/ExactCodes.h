// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Codes that stand for a number exactly, and tables from the codes of one
// element to those of another. Internal to Numerics.

#ifndef QUERN_LIB_NUMERICS_EXACTCODES_H
#define QUERN_LIB_NUMERICS_EXACTCODES_H

#include "quern/Numerics/Transcode.h"
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quern::numerics {

/// value * factor, if binary32 has it.
std::optional<float> exactProduct(double value, Ratio factor);

/// The code that stands for `value`, zeros of both signs taken as one. None of
/// an element of vectors or signs.
std::optional<int32_t> exactCode(const Element &element, float value);

/// What the codes of an element can stand for, by index. Not composite: of all
/// codes in ascending order; NaN and infinities are kept. Composite: all
/// entries with all signs, ascending and distinct.
class ElementValues {
public:
  explicit ElementValues(const Element &element);

  /// Of elements of 32 bits there are only some: the extreme ones, and such as
  /// few other types have.
  bool isComplete() const { return complete; }
  const std::vector<float> &values() const { return *all; }
  /// The index of a code of an element that is not composite.
  size_t indexOf(int32_t code) const { return size_t(code - lowestCode); }
  int32_t codeAt(size_t index) const { return lowestCode + int32_t(index); }
  /// The index of a value of a composite element.
  size_t indexOf(float value) const;

private:
  std::shared_ptr<const std::vector<float>> all;
  int32_t lowestCode = 0;
  bool complete = true;
};

/// Calls `visit` for the finite numbers that codes of `format` can stand for,
/// some maybe more than once, until it returns false. Returns whether all
/// numbers were among them.
bool visitValues(const Format &format, const std::function<bool(float)> &visit);

/// No code of any element.
constexpr int32_t kNoCode = std::numeric_limits<int32_t>::min();

/// The codes of `to` for one zero point of `from` and one sign of its scale.
struct BlockTable {
  std::vector<int32_t> codes; ///< by index of ElementValues
  int32_t zeroCode = 0;
};

/// What a table goes from and to.
struct TableEnds {
  const ElementValues *values; ///< of the element of `from`
  const Element *element;      ///< of `to`
  const Element *zero;         ///< of the zero points of `to`, or null
};

/// Codes e' and a zero point z' with e' - z' = factor (value - zero) for each
/// finite value. Where there is none, `misfit` (if not null) is a value without
/// a code.
std::optional<BlockTable> findTable(const TableEnds &ends, Ratio factor,
                                    float zero, float *misfit = nullptr);

/// Factors with which the table may exist, the likeliest first: 1, then others
/// by their distance from it, positive ones first.
std::vector<Ratio> factorCandidates(const TableEnds &ends);

/// The shortest text that reads back as `value`.
std::string numberText(float value);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_EXACTCODES_H
