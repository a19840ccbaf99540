// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The blocks of a matrix dealt to lanes, sixteen blocks a group.

#include "LaneGroups.h"
#include <cstring>

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
  deal(blocks, matrix.values, matrix.cols, values);
  if (weights.values)
    deal(blocks, weights.values, weights.rowStride, importance);
  // A lane more than there are elements repeats one, but does not count.
  for (int64_t i = 0; isWide && i < blockCount; ++i)
    for (int64_t pad = blocks.size(); pad < steps * kLanes; ++pad) {
      values[size_t(i * steps * kLanes + pad)] =
          values[size_t(i * steps * kLanes)];
      importance[size_t(i * steps * kLanes + pad)] = 0;
    }
}

using Four = float __attribute__((ext_vector_type(4)));

static Four loadFour(const float *x) {
  Four result;
  std::memcpy(&result, x, sizeof result);
  return result;
}

/// Rows of four numbers become columns, which lie kLanes apart.
static void transposeFour(const float *const from[4], int64_t at, float *to) {
  Four a = loadFour(from[0] + at), b = loadFour(from[1] + at);
  Four c = loadFour(from[2] + at), d = loadFour(from[3] + at);
  Four abLow = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  Four abHigh = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  Four cdLow = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  Four cdHigh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  Four columns[] = {__builtin_shufflevector(abLow, cdLow, 0, 1, 4, 5),
                    __builtin_shufflevector(abLow, cdLow, 2, 3, 6, 7),
                    __builtin_shufflevector(abHigh, cdHigh, 0, 1, 4, 5),
                    __builtin_shufflevector(abHigh, cdHigh, 2, 3, 6, 7)};
  for (const Four &column : columns) {
    std::memcpy(to, &column, sizeof column);
    to += kLanes;
  }
}

void LaneGroups::deal(const Blocks &blocks, const float *matrix,
                      int64_t rowStride, std::vector<float> &to) const {
  auto firstOf = [&](int64_t block) {
    return matrix + block / blocks.across * blocks.rows * rowStride +
           block % blocks.across * blocks.cols;
  };
  const int64_t stride = isWide ? 1 : kLanes;
  int64_t block = 0;
  // Most blocks four at a time.
  for (; !isWide && blocks.cols % 4 == 0 && block + 4 <= blockCount;
       block += 4) {
    const float *from[4];
    for (int64_t i = 0; i < 4; ++i)
      from[i] = firstOf(block + i);
    float *place = to.data() + block / kLanes * steps * kLanes + block % kLanes;
    for (int64_t r = 0; r < blocks.rows; ++r)
      for (int64_t c = 0; c < blocks.cols; c += 4, place += 4 * kLanes)
        transposeFour(from, r * rowStride + c, place);
  }
  for (; block < blockCount; ++block) {
    const float *from = firstOf(block);
    float *place =
        to.data() + (isWide ? block * steps * kLanes
                            : block / kLanes * steps * kLanes + block % kLanes);
    for (int64_t r = 0; r < blocks.rows; ++r, from += rowStride)
      for (int64_t c = 0; c < blocks.cols; ++c, place += stride)
        *place = from[c];
  }
}

LaneGroup LaneGroups::group(int64_t index) const {
  size_t first = size_t(index * steps * kLanes);
  return {values.data() + first,
          importance.empty() ? nullptr : importance.data() + first, steps,
          isWide};
}
