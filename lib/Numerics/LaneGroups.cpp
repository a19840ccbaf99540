// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The blocks of a matrix dealt to lanes, sixteen blocks a group.

#include "LaneGroups.h"

using namespace quern;
using namespace quern::numerics;

/// Blocks of more elements fill the lanes by themselves.
static constexpr int64_t kWideBlock = 512;

LaneGroups::LaneGroups(const Blocks &blocks, const MatrixView &matrix,
                       const WeightView &weights, bool mayBeWide)
    : isWide(mayBeWide && blocks.size() > kWideBlock),
      blockCount(blocks.count()),
      groups(isWide ? blockCount : (blockCount + kLanes - 1) / kLanes),
      steps(isWide ? (blocks.size() + kLanes - 1) / kLanes : blocks.size()),
      values(size_t(groups * steps * kLanes)),
      importance(isWide || weights.values ? values.size() : 0, 1.0f) {
  for (int64_t i = 0; i < blockCount; ++i) {
    int64_t firstCol = i % blocks.across * blocks.cols;
    int64_t firstRow = i / blocks.across * blocks.rows;
    deal(blocks, i, matrix.values + firstRow * matrix.cols + firstCol,
         matrix.cols, values);
    if (weights.values)
      deal(blocks, i, weights.values + firstRow * weights.rowStride + firstCol,
           weights.rowStride, importance);
    // A lane more than there are elements repeats one, but does not count.
    for (int64_t pad = blocks.size(); isWide && pad < steps * kLanes; ++pad) {
      values[size_t(i * steps * kLanes + pad)] =
          values[size_t(i * steps * kLanes)];
      importance[size_t(i * steps * kLanes + pad)] = 0;
    }
  }
}

void LaneGroups::deal(const Blocks &blocks, int64_t block, const float *from,
                      int64_t rowStride, std::vector<float> &to) {
  int64_t stride = isWide ? 1 : kLanes;
  float *place =
      to.data() + (isWide ? block * steps * kLanes
                          : block / kLanes * steps * kLanes + block % kLanes);
  for (int64_t r = 0; r < blocks.rows; ++r, from += rowStride)
    for (int64_t c = 0; c < blocks.cols; ++c, place += stride)
      *place = from[c];
}

LaneGroup LaneGroups::group(int64_t index) const {
  size_t first = size_t(index * steps * kLanes);
  return {values.data() + first,
          importance.empty() ? nullptr : importance.data() + first, steps,
          isWide};
}
