// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding by the format's own rules, and decoding, level by level.

#include "TreeCodec.h"
#include "VectorSearch.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

/// What values are multiplied with to get codes.
static float inverseOf(const Format &format, float scale) {
  ScalarValues v;
  if (!format.dividesByScale)
    return inverseScale(v, scale);
  return std::isfinite(scale) ? scale : 0;
}

std::vector<float> numerics::inversesOf(const Format &format,
                                        const std::vector<float> &scales) {
  std::vector<float> inverses(scales.size());
  for (size_t i = 0; i < scales.size(); ++i)
    inverses[i] = inverseOf(format, scales[i]);
  return inverses;
}

namespace {
/// The scales and offsets of the rows of one level: a scale and an offset for
/// every run of columns that shares both.
class LevelScales {
public:
  LevelScales(const Format &format, int64_t rows, int64_t cols,
              const BlockValues &stored)
      : stored(stored), blocks(format.block, rows, cols),
        offsetBlocks(format.offset ? format.offsetBlock : format.block, rows,
                     cols),
        runs(runShape(cols)), inverses(inversesOf(format, stored.scales)) {
    if (format.offset && !(format.offsetBlock == format.block))
      for (std::vector<float> &row : runValues)
        row.resize(size_t(runs.blocks));
  }

  RowShape shape() const { return runs; }

  /// Of one row; valid until the next call.
  RowScales row(int64_t r) {
    if (!runValues[0].empty())
      return gather(r);
    size_t first = blocks.indexOf(r, 0);
    return {stored.scales.data() + first, inverses.data() + first,
            stored.offsets.empty() ? nullptr : stored.offsets.data() + first};
  }

private:
  RowShape runShape(int64_t cols) const {
    int64_t width = std::min(blocks.cols, offsetBlocks.cols);
    return {cols / width, width};
  }

  RowScales gather(int64_t r) {
    for (int64_t i = 0; i < runs.blocks; ++i) {
      size_t block = blocks.indexOf(r, i * runs.blockCols);
      runValues[0][size_t(i)] = stored.scales[block];
      runValues[1][size_t(i)] = inverses[block];
      runValues[2][size_t(i)] =
          stored.offsets[offsetBlocks.indexOf(r, i * runs.blockCols)];
    }
    return {runValues[0].data(), runValues[1].data(), runValues[2].data()};
  }

  const BlockValues &stored;
  const Blocks blocks, offsetBlocks;
  const RowShape runs;
  std::vector<float> inverses;
  std::vector<float> runValues[3]; ///< where offsets have blocks of their own
};
} // namespace

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

std::vector<float> numerics::decodeFactors(const LaneKernels &kernels,
                                           const Format &format,
                                           const CodedTensor &coded,
                                           const std::string &path) {
  std::vector<float> factors =
      decodeTree(kernels, *format.scale, coded, childPath(path, "scale"));
  for (float &factor : factors)
    factor = format.dividesByScale ? 1 / factor : factor;
  return factors;
}

/// The values of a composite element, before scales and offsets.
static std::vector<float> decodeComposite(const Element &element,
                                          const CodedTensor &coded,
                                          const PlaneCodes &plane) {
  // A row is whole vectors and signs, so rows can be decoded as one.
  std::vector<float> values(plane.codes.size() * element.vectorSize());
  const int32_t *signs = element.signs == SignPolicy::None
                             ? nullptr
                             : coded.planes.at("sign").codes.data();
  decodeVectors(element, plane.codes.data(), signs, int64_t(values.size()),
                values.data());
  return values;
}

std::vector<float> numerics::decodeTree(const LaneKernels &kernels,
                                        const Format &format,
                                        const CodedTensor &coded,
                                        const std::string &path) {
  const PlaneCodes &plane = coded.planes.at(planeKey(path));
  bool isComposite = format.element.isComposite();
  std::vector<float> values =
      isComposite ? decodeComposite(format.element, coded, plane)
                  : std::vector<float>(plane.codes.size());
  if (!format.isScaled()) {
    if (!isComposite)
      kernels.decodeRow(format, {1, int64_t(values.size())}, {},
                        plane.codes.data(), values.data());
    return values;
  }
  BlockValues stored = decodeBlockValues(kernels, format, coded, path);
  int64_t cols = plane.cols * format.element.vectorSize();
  LevelScales scales(format, plane.rows, cols, stored);
  for (int64_t r = 0; r < plane.rows; ++r) {
    float *row = values.data() + r * cols;
    if (isComposite)
      kernels.applyRow(format, scales.shape(), scales.row(r), row);
    else
      kernels.decodeRow(format, scales.shape(), scales.row(r),
                        plane.codes.data() + r * cols, row);
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
      size_t first = blocks.indexOf(r, 0);
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

static std::vector<float> exactScales(const LaneKernels &kernels,
                                      const Format &format,
                                      const MatrixView &matrix,
                                      const Blocks &blocks) {
  ScalarValues v;
  Ranges ranges(kernels, matrix, blocks);
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
    float scale = exactScale(v, format, statistic);
    scales[i] = format.dividesByScale ? 1 / scale : scale;
  }
  return scales;
}

/// Zeros that fill up blocks do not count.
static float meanOf(const MatrixView &matrix) {
  double sum = 0;
  for (int64_t r = 0; r < matrix.usedRows(); ++r)
    for (int64_t c = 0; c < matrix.usedCols(); ++c)
      sum += double(matrix.values[r * matrix.cols + c]);
  return float(sum / (double(matrix.usedRows()) * double(matrix.usedCols())));
}

/// The matrix without its mean. What fills up blocks stays zero.
static std::vector<float> centered(const MatrixView &matrix, float mean) {
  std::vector<float> rest(size_t(matrix.size()));
  for (int64_t r = 0; r < matrix.usedRows(); ++r)
    for (int64_t c = 0; c < matrix.usedCols(); ++c)
      rest[size_t(r * matrix.cols + c)] =
          matrix.values[r * matrix.cols + c] - mean;
  return rest;
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

int32_t *numerics::addCodePlane(const Format &format, const MatrixView &matrix,
                                CodedTensor &out) {
  int64_t size = format.element.vectorSize();
  return addPlane("", {nullptr, matrix.rows, matrix.cols / size}, out);
}

void numerics::takePlanes(CodedTensor &from, CodedTensor &out, int32_t *codes) {
  for (auto &[key, plane] : from.planes)
    if (key == planeKey(""))
      std::copy(plane.codes.begin(), plane.codes.end(), codes);
    else
      out.planes[key] = std::move(plane);
}

/// Codes a matrix of composite elements.
static void encodeComposite(const LaneKernels &kernels, const Format &format,
                            const MatrixView &matrix, const WeightView &weights,
                            LevelScales &scales, CodedTensor &out,
                            int32_t *codes) {
  ScalarValues v;
  bool usesOffset = format.offset && !choosesOffset(format);
  RowShape shape = scales.shape();
  std::vector<float> scaled(size_t(matrix.size()));
  for (int64_t r = 0; r < matrix.rows; ++r) {
    RowScales row = scales.row(r);
    for (int64_t c = 0; c < matrix.cols; ++c) {
      int64_t run = c / shape.blockCols, i = r * matrix.cols + c;
      scaled[size_t(i)] =
          codeDomainValue(v, format, matrix.values[i], row.inverses[run],
                          usesOffset ? row.offsets[run] : 0);
    }
  }
  encodeVectors(kernels, format, {scaled.data(), matrix.rows, matrix.cols},
                weights, out, codes);
}

void numerics::encodeLevel(const LaneKernels &kernels, const Format &format,
                           const ScaleRule *rule, const MatrixView &matrix,
                           const WeightView &weights, const BlockValues &stored,
                           CodedTensor &out, int32_t *codes) {
  if (!format.isScaled())
    return format.element.isComposite()
               ? encodeVectors(kernels, format, matrix, weights, out, codes)
               : kernels.encodeRow(format, rule, {1, matrix.size()}, {},
                                   matrix.values, codes);
  LevelScales scales(format, matrix.rows, matrix.cols, stored);
  if (format.element.isComposite())
    return encodeComposite(kernels, format, matrix, weights, scales, out,
                           codes);
  for (int64_t r = 0; r < matrix.rows; ++r)
    kernels.encodeRow(format, rule, scales.shape(), scales.row(r),
                      matrix.values + r * matrix.cols, codes + r * matrix.cols);
}

/// The exact offsets, given what the codes are scaled with.
static std::vector<float> exactOffsets(const LaneKernels &kernels,
                                       const Format &format,
                                       const MatrixView &matrix,
                                       const Blocks &own,
                                       const std::vector<float> &scales) {
  ScalarValues v;
  Blocks blocks(format.block, matrix.rows, matrix.cols);
  Ranges ranges(kernels, matrix, own);
  std::vector<float> exact(ranges.lows.size());
  for (int64_t i = 0; i < own.count(); ++i) {
    size_t block =
        blocks.indexOf(i / own.across * own.rows, i % own.across * own.cols);
    exact[size_t(i)] =
        exactOffset(v, format, ranges.lows[size_t(i)], scales[block],
                    inverseOf(format, scales[block]));
  }
  return exact;
}

/// Codes the matrix of offsets and returns them as stored.
static std::vector<float> storeOffsets(const LaneKernels &kernels,
                                       const Format &format,
                                       const std::string &path,
                                       const MatrixView &offsets,
                                       CodedTensor &out) {
  std::string child = childPath(path, offsetKeyword(format.offsetKind));
  encodeTree(kernels, *format.offset, nullptr, child, offsets, out,
             addPlane(child, offsets, out));
  return decodeTree(kernels, *format.offset, out, child);
}

BlockValues numerics::encodeScales(const LaneKernels &kernels,
                                   const Format &format,
                                   const std::string &path,
                                   const MatrixView &matrix, CodedTensor &out) {
  BlockValues used;
  MatrixView ranged = matrix;
  std::vector<float> rest;
  if (format.offsetKind == OffsetKind::Mean) {
    float mean = meanOf(matrix);
    used.offsets = storeOffsets(kernels, format, path, {&mean, 1, 1}, out);
    rest = centered(matrix, used.offsets.front());
    ranged.values = rest.data();
  }
  Blocks blocks(format.block, matrix.rows, matrix.cols);
  used.scales = exactScales(kernels, format, ranged, blocks);
  std::string child = childPath(path, "scale");
  MatrixView scales = blocks.matrixOf(used.scales, matrix);
  encodeTree(kernels, *format.scale, &format.scaleRule, child, scales, out,
             addPlane(child, scales, out));
  if (!format.codesFromExactScale)
    used.scales = decodeTree(kernels, *format.scale, out, child);
  if (!format.offset || format.offsetKind == OffsetKind::Mean)
    return used;
  Blocks own(format.offsetBlock, matrix.rows, matrix.cols);
  if (choosesOffset(format)) { // with the codes
    used.offsets.resize(size_t(own.count()));
    return used;
  }
  std::vector<float> exact =
      exactOffsets(kernels, format, matrix, own, used.scales);
  used.offsets =
      storeOffsets(kernels, format, path, own.matrixOf(exact, matrix), out);
  return used;
}

void numerics::encodeTree(const LaneKernels &kernels, const Format &format,
                          const ScaleRule *rule, const std::string &path,
                          const MatrixView &matrix, CodedTensor &out,
                          int32_t *codes) {
  BlockValues used;
  if (format.isScaled())
    used = encodeScales(kernels, format, path, matrix, out);
  encodeLevel(kernels, format, rule, matrix, {}, used, out, codes);
}
