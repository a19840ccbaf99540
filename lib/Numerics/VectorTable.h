// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the search of the nearest vectors reads and writes.

#ifndef QUERN_LIB_NUMERICS_VECTORTABLE_H
#define QUERN_LIB_NUMERICS_VECTORTABLE_H

#include "LaneKernels.h"

namespace quern::numerics {

/// Two nodes of a program, by index.
struct NodePair {
  int32_t a = 0, b = 0;
};

/// A codebook of vectors as a program that finds the least distance over all of
/// them. Its nodes are numbers:
///
///   zero; the distances of each place from each level; sums of two nodes, one
///   for each different content of a part of the vectors; minima of two nodes
///
/// Far fewer different halves than vectors occur, so distances are summed once
/// for each half. Groups of vectors with a common left half need the least of
/// their right halves; what several groups need is found once.
struct VectorTable {
  explicit VectorTable(const Element &element);

  int64_t size;              ///< of a vector
  std::vector<float> values; ///< [entries, size]
  std::vector<float> levels; ///< all different values

  std::vector<NodePair> sums;   ///< the nodes behind [size, levels]
  std::vector<NodePair> minima; ///< the nodes behind the sums
  int32_t leftCount = 0, rightCount = 0;
  int32_t rightNode = 0; ///< the first right half's
  /// [leftCount] the node of the left half of each group. Groups are sorted by
  /// how many nodes their least right half needs, so that loops over those are
  /// of the same length many times in turn.
  std::vector<int32_t> leftOf;
  /// The least right half of group g is that of the nodes
  /// [leastBegin[g], leastBegin[g + 1]) of leastOf.
  std::vector<int32_t> leastBegin, leastOf;

  /// The entries by group, then code: group g is
  /// [groupBegin[g], groupBegin[g + 1]).
  std::vector<int32_t> groupBegin, rightOf, codeOf;
  /// [leftCount, rightCount] the lowest code of a group and a right half; empty
  /// for tables of very many halves.
  std::vector<int32_t> codeOfHalves;

  int64_t nodes() const {
    return 1 + size * int64_t(levels.size()) + int64_t(sums.size()) +
           int64_t(minima.size());
  }

private:
  struct Part;
  Part addPart(const std::vector<int32_t> &digits, int64_t first,
               int64_t partSize);
  std::vector<int32_t> addMinima(const Part &left, const Part &right);
  void addEntries(const std::vector<int32_t> &groupOf, const Part &right);
};

/// The table of a codebook. Building one takes as long as coding thousands of
/// vectors, so the last few are kept for the strips of a tensor and for the
/// tensors of a model.
std::shared_ptr<const VectorTable> vectorTableOf(const Element &element);

/// How the values of a block become vectors and signs: units of
/// placePeriod(element) neighbours, one after the other.
struct VectorPlan {
  std::shared_ptr<const VectorTable> table;
  SignPolicy signs;
  int64_t period; ///< elements of a unit
  int64_t units;  ///< of a block
  /// What an offset in units of the scale may be; {0} stands for none.
  std::vector<float> offsets = {0};
  std::vector<int32_t> offsetOf; ///< [units] the block of the offset
  int32_t offsetBlocks = 1;

  /// Without an offset.
  VectorPlan(const Element &element, int64_t blockSize);

  int64_t codesOfUnit() const { return period / table->size; }
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
  float cost[kLanes] = {}; ///< squares of the distances

  /// Memory of the search, kept from call to call.
  std::vector<int32_t> triedCodes, triedSigns;
  std::vector<float> scratch;

  explicit VectorCodes(const VectorPlan &plan);
};

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_VECTORTABLE_H
