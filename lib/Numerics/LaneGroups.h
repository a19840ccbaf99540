// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The blocks of a matrix dealt to lanes, sixteen blocks a group.

#ifndef QUERN_LIB_NUMERICS_LANEGROUPS_H
#define QUERN_LIB_NUMERICS_LANEGROUPS_H

#include "Blocks.h"
#include "LaneKernels.h"

namespace quern::numerics {

/// Copies of the values and weights of all blocks of a matrix. Blocks of many
/// elements get a group of their own if they may.
class LaneGroups {
public:
  LaneGroups(const Blocks &blocks, const MatrixView &matrix,
             const WeightView &weights, bool mayBeWide = true);

  int64_t count() const { return groups; }
  LaneGroup group(int64_t index) const;
  /// Blocks in a group; the last one may have fewer.
  int64_t blocksPerGroup() const { return isWide ? 1 : kLanes; }
  int64_t blocksIn(int64_t index) const {
    int64_t rest = blockCount - index * blocksPerGroup();
    return rest < blocksPerGroup() ? rest : blocksPerGroup();
  }

private:
  /// Copies numbers that lie as the matrix does; a stride of 0 repeats a row.
  void deal(const Blocks &blocks, const float *matrix, int64_t rowStride,
            std::vector<float> &to) const;

  bool isWide;
  int64_t blockCount, groups, steps;
  std::vector<float> values;
  std::vector<float> importance; ///< empty: all one
};

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_LANEGROUPS_H
