// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding by the format's own rules, and decoding, level by level.

#include "TreeCodec.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

BlockValues numerics::decodeBlockValues(const LaneKernels &kernels,
                                        const Format &format,
                                        const CodedTensor &coded,
                                        const std::string &path) {
  BlockValues stored;
  if (format.isScaled())
    stored.scales =
        decodeTree(kernels, *format.scale, coded, childPath(path, "scale"));
  if (format.offset)
    stored.offsets =
        decodeTree(kernels, *format.offset, coded,
                   childPath(path, offsetKeyword(format.offsetKind)));
  return stored;
}

std::vector<float> numerics::decodeTree(const LaneKernels &kernels,
                                        const Format &format,
                                        const CodedTensor &coded,
                                        const std::string &path) {
  const PlaneCodes &plane = coded.planes.at(planeKey(path));
  std::vector<float> values(plane.codes.size());
  if (!format.isScaled()) {
    kernels.decodeRow(format, {1, int64_t(values.size())}, {},
                      plane.codes.data(), values.data());
    return values;
  }
  BlockValues stored = decodeBlockValues(kernels, format, coded, path);
  Blocks blocks(format.block, plane.rows, plane.cols);
  for (int64_t r = 0; r < plane.rows; ++r) {
    int64_t first = r / blocks.rows * blocks.across;
    RowScales scales = {stored.scales.data() + first, nullptr,
                        stored.offsets.empty() ? nullptr
                                               : stored.offsets.data() + first};
    kernels.decodeRow(format, {blocks.across, blocks.cols}, scales,
                      plane.codes.data() + r * plane.cols,
                      values.data() + r * plane.cols);
  }
  return values;
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

namespace {
/// The least and largest value of each block, or zero where that is further.
struct Ranges {
  std::vector<float> lows, highs;

  Ranges(const LaneKernels &kernels, const MatrixView &matrix,
         const Blocks &blocks)
      : lows(size_t(blocks.count())), highs(size_t(blocks.count())) {
    for (int64_t r = 0; r < matrix.rows; ++r) {
      int64_t first = r / blocks.rows * blocks.across;
      kernels.widenRanges({blocks.across, blocks.cols},
                          matrix.values + r * matrix.cols, lows.data() + first,
                          highs.data() + first);
    }
  }
};
} // namespace

/// The first value of the largest magnitude of block `index`.
static float signedMax(const MatrixView &matrix, const Blocks &blocks,
                       int64_t index, float low, float high) {
  if (high != -low)
    return high > -low ? high : low;
  const float *block = matrix.values +
                       index / blocks.across * blocks.rows * matrix.cols +
                       index % blocks.across * blocks.cols;
  for (int64_t r = 0; r < blocks.rows; ++r)
    for (int64_t c = 0; c < blocks.cols; ++c)
      if (float x = block[r * matrix.cols + c]; std::fabs(x) == high)
        return x;
  return high;
}

static std::vector<float> exactScales(const Format &format,
                                      const MatrixView &matrix,
                                      const Blocks &blocks,
                                      const Ranges &ranges) {
  ScalarValues v;
  std::vector<float> scales(ranges.lows.size());
  for (size_t i = 0; i < scales.size(); ++i) {
    float low = ranges.lows[i], high = ranges.highs[i];
    float statistic = std::max(high, -low);
    switch (format.scaleRule.statistic) {
    case ScaleStatistic::AbsMax:
      break;
    case ScaleStatistic::SignedMax:
      statistic = signedMax(matrix, blocks, int64_t(i), low, high);
      break;
    case ScaleStatistic::Range:
      statistic = std::min(high - low, std::numeric_limits<float>::max());
      break;
    }
    scales[i] = exactScale(v, format, statistic);
  }
  return scales;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

int32_t *numerics::addPlane(const std::string &path, const MatrixView &matrix,
                            CodedTensor &out) {
  PlaneCodes &plane = out.planes[planeKey(path)];
  plane.rows = matrix.rows;
  plane.cols = matrix.cols;
  plane.codes.resize(size_t(matrix.size()));
  return plane.codes.data();
}

void numerics::encodeLevel(const LaneKernels &kernels, const Format &format,
                           const ScaleRule *rule, const MatrixView &matrix,
                           const BlockValues &stored, int32_t *codes) {
  if (!format.isScaled())
    return kernels.encodeRow(format, rule, {1, matrix.size()}, {},
                             matrix.values, codes);
  ScalarValues v;
  std::vector<float> inverses(stored.scales.size());
  for (size_t i = 0; i < inverses.size(); ++i)
    inverses[i] = inverseScale(v, stored.scales[i]);
  Blocks blocks(format.block, matrix.rows, matrix.cols);
  for (int64_t r = 0; r < matrix.rows; ++r) {
    int64_t first = r / blocks.rows * blocks.across;
    RowScales scales = {stored.scales.data() + first, inverses.data() + first,
                        stored.offsets.empty() ? nullptr
                                               : stored.offsets.data() + first};
    kernels.encodeRow(format, rule, {blocks.across, blocks.cols}, scales,
                      matrix.values + r * matrix.cols, codes + r * matrix.cols);
  }
}

BlockValues numerics::encodeScales(const LaneKernels &kernels,
                                   const Format &format,
                                   const std::string &path,
                                   const MatrixView &matrix, CodedTensor &out) {
  ScalarValues v;
  Blocks blocks(format.block, matrix.rows, matrix.cols);
  Ranges ranges(kernels, matrix, blocks);
  BlockValues used;
  used.scales = exactScales(format, matrix, blocks, ranges);
  std::string scalePath = childPath(path, "scale");
  MatrixView scales = {used.scales.data(), blocks.down, blocks.across};
  encodeTree(kernels, *format.scale, &format.scaleRule, scalePath, scales, out,
             addPlane(scalePath, scales, out));
  if (!format.codesFromExactScale)
    used.scales = decodeTree(kernels, *format.scale, out, scalePath);
  if (!format.offset)
    return used;
  std::vector<float> exact(used.scales.size());
  for (size_t i = 0; i < exact.size(); ++i)
    exact[i] = exactOffset(v, format, ranges.lows[i], used.scales[i],
                           inverseScale(v, used.scales[i]));
  std::string offsetPath = childPath(path, offsetKeyword(format.offsetKind));
  MatrixView offsets = {exact.data(), blocks.down, blocks.across};
  encodeTree(kernels, *format.offset, nullptr, offsetPath, offsets, out,
             addPlane(offsetPath, offsets, out));
  used.offsets = decodeTree(kernels, *format.offset, out, offsetPath);
  return used;
}

void numerics::encodeTree(const LaneKernels &kernels, const Format &format,
                          const ScaleRule *rule, const std::string &path,
                          const MatrixView &matrix, CodedTensor &out,
                          int32_t *codes) {
  BlockValues used;
  if (format.isScaled())
    used = encodeScales(kernels, format, path, matrix, out);
  encodeLevel(kernels, format, rule, matrix, used, codes);
}
