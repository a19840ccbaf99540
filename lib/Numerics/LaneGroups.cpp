// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The blocks of a matrix dealt to lanes, sixteen blocks a group.

#include "LaneGroups.h"

using namespace quern;
using namespace quern::numerics;

/// Blocks of more elements fill the lanes by themselves.
static constexpr int64_t kWideBlock = 512;

LaneGroups::LaneGroups(const Blocks &blocks, const MatrixView &matrix,
                       const WeightView &weights)
    : isWide(blocks.size() > kWideBlock), blockCount(blocks.count()),
      groups(isWide ? blockCount : (blockCount + kLanes - 1) / kLanes),
      steps(isWide ? (blocks.size() + kLanes - 1) / kLanes : blocks.size()),
      values(size_t(groups * steps * kLanes)), importance(values.size()) {
  for (int64_t i = 0; i < blockCount; ++i)
    deal(blocks, matrix, weights, i);
}

void LaneGroups::deal(const Blocks &blocks, const MatrixView &matrix,
                      const WeightView &weights, int64_t block) {
  int64_t firstRow = block / blocks.across * blocks.rows;
  int64_t firstCol = block % blocks.across * blocks.cols;
  int64_t stride = isWide ? 1 : kLanes;
  int64_t place = isWide ? block * steps * kLanes
                         : block / kLanes * steps * kLanes + block % kLanes;
  for (int64_t r = firstRow; r < firstRow + blocks.rows; ++r) {
    const float *x = matrix.values + r * matrix.cols + firstCol;
    const float *w = weights.values
                         ? weights.values + r * weights.rowStride + firstCol
                         : nullptr;
    for (int64_t c = 0; c < blocks.cols; ++c, place += stride) {
      values[size_t(place)] = x[c];
      importance[size_t(place)] = w ? w[c] : 1.0f;
    }
  }
}

LaneGroup LaneGroups::group(int64_t index) const {
  size_t first = size_t(index * steps * kLanes);
  return {values.data() + first, importance.data() + first, steps, isWide};
}
