// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Filling up blocks with zeros, and cutting them again.

#include "WholeBlocks.h"
#include <algorithm>
#include <numeric>

using namespace quern;
using namespace quern::numerics;

//===----------------------------------------------------------------------===//
// The format of whole blocks
//===----------------------------------------------------------------------===//

/// A block of one axis, in units of `granule` elements; `*` if one is enough.
static int64_t clampedExtent(int64_t block, int64_t granule, int64_t extent) {
  if (granule == 0 || (block > 1 && granule * block >= extent))
    return 0;
  return block;
}

static BlockShape clampedBlock(BlockShape block, BlockShape granule,
                               BlockShape extent) {
  return {clampedExtent(block.rows, granule.rows, extent.rows),
          clampedExtent(block.cols, granule.cols, extent.cols)};
}

/// `granule`: elements of the tensor that an element of `format` stands for.
static Format clamped(const Format &format, BlockShape granule,
                      BlockShape extent) {
  Format result = format;
  result.allowsPartialBlocks = result.isFlat = false;
  if (!format.isScaled())
    return result;
  auto child = [&](const Format &operand, BlockShape block) {
    BlockShape below = {granule.rows * block.rows, granule.cols * block.cols};
    return std::make_shared<const Format>(clamped(operand, below, extent));
  };
  result.block = clampedBlock(format.block, granule, extent);
  result.scale = child(*format.scale, result.block);
  if (!format.offset)
    return result;
  result.offsetBlock = clampedBlock(format.offsetBlock, granule, extent);
  result.offset = child(*format.offset, result.offsetBlock);
  return result;
}

static int64_t roundedUp(int64_t extent, int64_t grain) {
  return (extent + grain - 1) / grain * grain;
}

WholeBlocks::WholeBlocks(const Format &format, int64_t rows, int64_t cols)
    : outer(format), rows(rows), cols(cols) {
  before = format.isFlat ? BlockShape{1, rows * cols} : BlockShape{rows, cols};
  inner = clamped(format, {1, 1}, before);
  BlockShape grain = commonBlock(inner);
  filled = {roundedUp(before.rows, grain.rows),
            roundedUp(before.cols, grain.cols)};
  if (format.isFlat && outermostBlock(inner).cols != 0)
    filled = {filled.cols / grain.cols, grain.cols};
}

//===----------------------------------------------------------------------===//
// Values and codes
//===----------------------------------------------------------------------===//

/// A row-major matrix cut or filled up with zeros to another shape.
template <typename T>
static std::vector<T> resized(const T *values, BlockShape from, BlockShape to) {
  std::vector<T> result(size_t(to.rows * to.cols), T(0));
  int64_t cols = std::min(from.cols, to.cols);
  for (int64_t r = 0; r < std::min(from.rows, to.rows); ++r)
    std::copy(values + r * from.cols, values + r * from.cols + cols,
              result.begin() + r * to.cols);
  return result;
}

/// A matrix as one row.
static BlockShape asRow(BlockShape shape) {
  return {1, shape.rows * shape.cols};
}

std::vector<float> WholeBlocks::fill(Span<const float> values) const {
  if (outer.isFlat)
    return resized(values.data(), before, asRow(filled));
  return resized(values.data(), before, filled);
}

std::vector<float>
WholeBlocks::fillWeights(Span<const float> columnWeights) const {
  std::vector<float> weights(size_t(rows * cols), 1);
  if (!columnWeights.empty())
    for (int64_t r = 0; r < rows; ++r)
      std::copy(columnWeights.begin(), columnWeights.end(),
                weights.begin() + r * cols);
  return fill(weights);
}

std::vector<float> WholeBlocks::cut(const std::vector<float> &values) const {
  if (outer.isFlat)
    return resized(values.data(), asRow(filled), before);
  return resized(values.data(), filled, before);
}

/// The codes of `coded`, whose matrices are cut or filled up to those that
/// `shapeOf` tells of a plane.
template <typename ShapeOf>
static CodedTensor resizedCodes(const Format &format, const CodedTensor &coded,
                                const ShapeOf &shapeOf) {
  CodedTensor result;
  for (const Plane &plane : planesOf(format)) {
    const PlaneCodes &codes = coded.planes.at(plane.path);
    BlockShape from = {codes.rows, codes.cols}, to = shapeOf(plane);
    result.planes[plane.path] = {
        to.rows, to.cols,
        plane.isFlat ? resized(codes.codes.data(), asRow(from), asRow(to))
                     : resized(codes.codes.data(), from, to)};
  }
  return result;
}

CodedTensor WholeBlocks::fill(const CodedTensor &coded) const {
  std::vector<Plane> planes = planesOf(inner);
  CodedTensor result = resizedCodes(outer, coded, [&](const Plane &plane) {
    for (const Plane &whole : planes)
      if (whole.path == plane.path)
        return planeShape(whole, filled.rows, filled.cols);
    return BlockShape{0, 0};
  });
  result.rows = filled.rows;
  result.cols = filled.cols;
  return result;
}

CodedTensor WholeBlocks::cut(const CodedTensor &coded) const {
  CodedTensor result = resizedCodes(outer, coded, [&](const Plane &plane) {
    return planeShape(plane, rows, cols);
  });
  result.rows = rows;
  result.cols = cols;
  return result;
}
