// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the search of the nearest vectors reads and writes.

#ifndef QUERN_LIB_NUMERICS_VECTORTABLE_H
#define QUERN_LIB_NUMERICS_VECTORTABLE_H

#include "LaneKernels.h"

namespace quern::numerics {

/// Half of the places of the vectors: what differs there is far less than the
/// vectors are, so distances are summed once for each half and then added.
struct VectorHalf {
  int64_t first = 0, size = 0; ///< places
  std::vector<int32_t> digits; ///< [count, size], indices into the levels
  int64_t count = 0;
};

/// A codebook of vectors, laid out for the search of the nearest one.
struct VectorTable {
  explicit VectorTable(const Element &element);

  int64_t size;              ///< of a vector
  std::vector<float> values; ///< [entries, size]
  std::vector<float> levels; ///< all different values
  VectorHalf left, right;
  /// The entries by left half, then code: group g is
  /// [groupBegin[g], groupBegin[g + 1]).
  std::vector<int32_t> groupBegin, rightOf, codeOf;
};

/// How the values of a block become vectors and signs: units of
/// placePeriod(element) neighbours, one after the other.
struct VectorPlan {
  VectorTable table;
  SignPolicy signs;
  int64_t period; ///< elements of a unit
  int64_t units;  ///< of a block
  /// What an offset in units of the scale may be; {0} stands for none.
  std::vector<float> offsets = {0};
  std::vector<int32_t> offsetOf; ///< [units] the block of the offset
  int32_t offsetBlocks = 1;

  /// Without an offset.
  VectorPlan(const Element &element, int64_t blockSize);

  int64_t codesOfUnit() const { return period / table.size; }
  int64_t columnsOfSign() const {
    return signs == SignPolicy::Even ? kSignsOfEven : 1;
  }
  int64_t signsOfUnit() const {
    return signs == SignPolicy::None ? 0 : period / columnsOfSign();
  }
};

/// The codes of sixteen blocks, and sums over each block, weighted, of values
/// in units of the scale and elements less their offset.
struct VectorCodes {
  std::vector<int32_t> codes;   ///< [units, codesOfUnit, kLanes]
  std::vector<int32_t> signs;   ///< [units, signsOfUnit, kLanes]
  std::vector<int32_t> offsets; ///< [offsetBlocks, kLanes]
  float xe[kLanes] = {}, ee[kLanes] = {};

  /// Memory of the search, kept from call to call.
  std::vector<int32_t> triedCodes, triedSigns;
  std::vector<float> scratch;

  explicit VectorCodes(const VectorPlan &plan);
};

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_VECTORTABLE_H
