// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Composite elements: vectors of a codebook, and signs kept apart.

#include "VectorSearch.h"
#include "LaneGroups.h"
#include "TreeCodec.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

/// Offsets of more bits are taken from the rule.
static constexpr unsigned kBitsOfChoices = 3;

bool numerics::choosesOffset(const Format &format) {
  if (!format.element.isComposite() || format.offsetKind != OffsetKind::Zero ||
      format.offset->isScaled())
    return false;
  const Element &offset = format.offset->element;
  return offset.kind != ElementKind::Float && offset.bits <= kBitsOfChoices &&
         format.offsetBlock.cols % placePeriod(format.element) == 0;
}

static int32_t lowestOffsetCode(const Format &format) {
  const Element &offset = format.offset->element;
  return offset.kind == ElementKind::Int ? lowestCodeOf(offset) : 0;
}

std::vector<float> numerics::offsetChoices(const Format &format) {
  ScalarValues v;
  const Element &offset = format.offset->element;
  int32_t low = lowestOffsetCode(format);
  int32_t high = offset.kind == ElementKind::Int
                     ? highestCodeOf(offset)
                     : int32_t(offset.codebook.values.size()) - 1;
  std::vector<float> values;
  for (int32_t code = low; code <= high; ++code)
    values.push_back(decodeElement(v, offset, code));
  return values;
}

VectorPlan numerics::vectorPlanOf(const Format &format, const Blocks &blocks,
                                  const MatrixView &matrix) {
  VectorPlan plan(format.element, blocks.size());
  if (!choosesOffset(format))
    return plan;
  plan.offsets = offsetChoices(format);
  // All blocks are cut alike, so take the first.
  Blocks own(format.offsetBlock, matrix.rows, matrix.cols);
  int64_t across = blocks.cols / own.cols;
  for (int64_t unit = 0; unit < plan.units; ++unit) {
    int64_t place = unit * plan.period;
    plan.offsetOf[size_t(unit)] =
        int32_t(place / blocks.cols / own.rows * across +
                place % blocks.cols / own.cols);
  }
  plan.offsetBlocks = int32_t(blocks.rows / own.rows * across);
  return plan;
}

VectorPlanes::VectorPlanes(const Format &format, const MatrixView &matrix,
                           CodedTensor &out, int32_t *codes)
    : cols(matrix.cols), offsetBlocks(format.offsetBlock, matrix.rows, cols),
      codes(codes) {
  int64_t perSign = format.element.signs == SignPolicy::Even ? kSignsOfEven : 1;
  if (format.element.signs != SignPolicy::None)
    signs = addPlane("sign", {nullptr, matrix.rows, cols / perSign}, out);
  if (!choosesOffset(format))
    return;
  offsets = addPlane(offsetKeyword(format.offsetKind),
                     {nullptr, offsetBlocks.down, offsetBlocks.across}, out);
  lowestOffset = lowestOffsetCode(format);
}

void VectorPlanes::put(const VectorPlan &plan, const Blocks &blocks,
                       const VectorCodes &from, int64_t lane,
                       int64_t index) const {
  auto copy = [&](const std::vector<int32_t> &source, int64_t unit,
                  int64_t count, int32_t *target) {
    for (int64_t i = 0; i < count; ++i)
      target[i] = source[size_t((unit * count + i) * kLanes + lane)];
  };
  const int64_t firstRow = index / blocks.across * blocks.rows;
  const int64_t firstCol = index % blocks.across * blocks.cols;
  for (int64_t unit = 0; unit < plan.units; ++unit) {
    int64_t place = unit * plan.period;
    int64_t row = firstRow + place / blocks.cols;
    int64_t first = row * cols + firstCol + place % blocks.cols;
    copy(from.codes, unit, plan.codesOfUnit(),
         codes + first / plan.table->size);
    if (signs)
      copy(from.signs, unit, plan.signsOfUnit(),
           signs + first / plan.columnsOfSign());
    if (offsets) // the same one for all units of its block
      offsets[offsetBlocks.indexOf(row, first % cols)] =
          lowestOffset +
          from.offsets[size_t(plan.offsetOf[size_t(unit)] * kLanes + lane)];
  }
}

void numerics::encodeVectors(const LaneKernels &kernels, const Format &format,
                             const MatrixView &matrix,
                             const WeightView &weights, CodedTensor &out,
                             int32_t *codes) {
  int64_t period = placePeriod(format.element);
  Blocks blocks(choosesOffset(format) ? format.offsetBlock
                                      : BlockShape{1, period},
                matrix.rows, matrix.cols);
  VectorPlan plan = vectorPlanOf(format, blocks, matrix);
  VectorPlanes planes(format, matrix, out, codes);
  VectorCodes found(plan);
  LaneGroups groups(blocks, matrix, weights, /*mayBeWide=*/false);
  float inverses[kLanes];
  std::fill_n(inverses, kLanes, 1.0f);
  for (int64_t g = 0; g < groups.count(); ++g) {
    kernels.codeVectors(plan, groups.group(g), inverses, found);
    for (int64_t lane = 0; lane < groups.blocksIn(g); ++lane)
      planes.put(plan, blocks, found, lane, g * groups.blocksPerGroup() + lane);
  }
}

void numerics::decodeVectors(const Element &element, const int32_t *codes,
                             const int32_t *signs, int64_t count,
                             float *values) {
  ScalarValues v;
  const int64_t size = element.vectorSize();
  const int64_t perSign = element.signs == SignPolicy::Even ? kSignsOfEven : 1;
  for (int64_t i = 0; i < count; ++i) {
    unsigned place = unsigned(i % placePeriod(element));
    float value = decodeElement(v, element, codes[i / size], place);
    if (element.signs != SignPolicy::None)
      value = negateIf(
          v, decodeSign(v, element.signs, signs[i / perSign], place), value);
    values[i] = value;
  }
}
