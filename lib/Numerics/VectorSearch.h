// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Composite elements: vectors of a codebook, and signs kept apart.

#ifndef QUERN_LIB_NUMERICS_VECTORSEARCH_H
#define QUERN_LIB_NUMERICS_VECTORSEARCH_H

#include "quern/Numerics/Format.h"

namespace quern::numerics {

/// Finds the codes of neighbouring values of a row. The table is laid out once.
class VectorSearch {
public:
  explicit VectorSearch(const Element &element);

  /// The vectors and signs nearest to `count` values, in units of the scale, a
  /// multiple of placePeriod(element), by the sum of weight * distance^2; null
  /// weights are all one. Ties go to the lower code. Signs are those of the
  /// values; where their number must be even and is not, the value closest to
  /// zero gets the other one. `signs` is null where the element has none.
  void encode(const float *values, const float *weights, int64_t count,
              int32_t *codes, int32_t *signs);

private:
  int32_t nearest(const float *values, const float *weights);

  const Element &element;
  size_t entries;
  std::vector<float> columns;  ///< [vectorSize, entries]
  std::vector<float> distance; ///< [entries]
};

/// Elements of `count` neighbouring columns, of which the first is a multiple
/// of placePeriod(element). `signs` is null where the element has none.
void decodeVectors(const Element &element, const int32_t *codes,
                   const int32_t *signs, int64_t count, float *values);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_VECTORSEARCH_H
