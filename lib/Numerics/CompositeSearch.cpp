// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The search for scales where elements are vectors or have signs apart.
// The method is in docs/Rationale/Encoders.md.

#include "CompositeSearch.h"
#include "LaneGroups.h"
#include "ScaleSearch.h"
#include "TreeCodec.h"
#include "VectorSearch.h"
#include "VectorTable.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::numerics;

/// Scales that are tried, in units of the one by which the largest value of the
/// block gets the largest element.
static constexpr float kFactors[] = {1.0f, 0.8f, 0.65f, 0.5f};
/// Rounds of new codes for the best scale of the codes before.
static constexpr int kRefinements = 1;

bool numerics::canSearchVectors(const Format &format) {
  return format.element.isComposite() && format.isScaled() &&
         !format.dividesByScale && (!format.offset || choosesOffset(format));
}

namespace {
/// The best that is known of a block. Scales are in units of `unit`, so that
/// sums stay in range whatever the size of the values.
struct BlockFit {
  float unit = 0;
  float scale = 0; ///< the best one for the codes
  float ee = 0;    ///< weighted squares of the elements
  float gain = 0;  ///< what it takes off the error of a zero scale
};

class CompositeSearch {
public:
  CompositeSearch(const LaneKernels &kernels, const Format &format,
                  const MatrixView &matrix, const WeightView &weights)
      : kernels(kernels), format(format), matrix(matrix), weights(weights),
        blocks(format.block, matrix.rows, matrix.cols),
        groups(blocks, matrix, weights, /*mayBeWide=*/false),
        plan(planOf(format, blocks, matrix)), found(plan),
        fits(size_t(groups.count() * kLanes)) {}

  /// Finds scales as real numbers, then codes.
  void run(CodedTensor &out);

private:
  static VectorPlan planOf(const Format &format, const Blocks &blocks,
                           const MatrixView &matrix);
  BlockFit *fitsOf(int64_t group) { return &fits[size_t(group * kLanes)]; }
  void findUnits();
  void codeGroup(int64_t group, const float *scales);
  void searchGroup(int64_t group);
  void storeScales(CodedTensor &out);
  void evaluateScales(const std::vector<float> &scales,
                      std::vector<BlockFit> &result);
  void stepScales(CodedTensor &out);

  const LaneKernels &kernels;
  const Format &format;
  const MatrixView matrix;
  const WeightView weights;
  const Blocks blocks;
  LaneGroups groups;
  VectorPlan plan;
  VectorCodes found;
  std::vector<BlockFit> fits; ///< of all lanes, with and without a block
};
} // namespace

VectorPlan CompositeSearch::planOf(const Format &format, const Blocks &blocks,
                                   const MatrixView &matrix) {
  VectorPlan plan(format.element, blocks.size());
  if (!format.offset)
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

void CompositeSearch::findUnits() {
  float largest =
      std::max(largestValue(format.element), -lowestValue(format.element));
  for (int64_t g = 0; g < groups.count(); ++g) {
    LaneGroup group = groups.group(g);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      float most = 0;
      for (int64_t i = 0; i < group.steps; ++i)
        most = std::max(most, std::fabs(group.values[i * kLanes + lane]));
      fitsOf(g)[lane].unit = most / largest;
    }
  }
}

/// Codes a group by scales in units.
void CompositeSearch::codeGroup(int64_t group, const float *scales) {
  ScalarValues v;
  float inverses[kLanes];
  for (int64_t lane = 0; lane < kLanes; ++lane)
    inverses[lane] = inverseScale(v, scales[lane] * fitsOf(group)[lane].unit);
  kernels.codeVectors(plan, groups.group(group), inverses, found);
}

/// Tries scales as real numbers. What counts is the error of the best scale
/// through the codes that a scale gives.
void CompositeSearch::searchGroup(int64_t group) {
  BlockFit *fit = fitsOf(group);
  float scales[kLanes];
  auto consider = [&] {
    codeGroup(group, scales);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      float xe = found.xe[lane], ee = found.ee[lane];
      if (!(ee > 0) || !(xe > 0))
        continue;
      float best = scales[lane] * (xe / ee), gain = best * best * ee;
      if (gain > fit[lane].gain)
        fit[lane] = {fit[lane].unit, best, ee, gain};
    }
  };
  for (float factor : kFactors) {
    std::fill_n(scales, kLanes, factor);
    consider();
  }
  for (int i = 0; i < kRefinements; ++i) {
    for (int64_t lane = 0; lane < kLanes; ++lane)
      scales[lane] = fit[lane].scale;
    consider();
  }
}

//===----------------------------------------------------------------------===//
// Stored scales
//===----------------------------------------------------------------------===//

/// What stored scales give: the gain with them, and the best scale for the
/// codes.
void CompositeSearch::evaluateScales(const std::vector<float> &scales,
                                     std::vector<BlockFit> &result) {
  result = fits;
  float own[kLanes];
  for (int64_t g = 0; g < groups.count(); ++g) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      int64_t block = g * kLanes + lane;
      float unit = fitsOf(g)[lane].unit;
      own[lane] =
          block < blocks.count() && unit > 0 ? scales[size_t(block)] / unit : 0;
    }
    codeGroup(g, own);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      float xe = found.xe[lane], ee = found.ee[lane];
      BlockFit &fit = result[size_t(g * kLanes + lane)];
      fit.gain = own[lane] * own[lane] * (2 * xe - ee);
      fit.ee = ee;
      fit.scale = ee > 0 ? own[lane] * (xe / ee) : own[lane];
    }
  }
}

void CompositeSearch::storeScales(CodedTensor &out) {
  std::vector<float> targets, importance;
  for (int64_t i = 0; i < blocks.count(); ++i) {
    const BlockFit &fit = fits[size_t(i)];
    targets.push_back(fit.scale * fit.unit);
    importance.push_back(fit.ee);
  }
  searchBelow(kernels, *format.scale, "scale",
              {targets.data(), blocks.down, blocks.across},
              {importance.data(), blocks.across}, out);
}

/// The code beside `code`; `code` itself where there is none of its sign.
static int32_t codeBeside(const Element &element, int32_t code, int32_t step) {
  int32_t low = 0, high = 0, sign = 0;
  switch (element.kind) {
  case ElementKind::Int:
    low = lowestCodeOf(element);
    high = highestCodeOf(element);
    break;
  case ElementKind::Float:
    high = maxFiniteCodeOf(*element.floatType);
    sign = code & ~magnitudeMaskOf(*element.floatType);
    break;
  case ElementKind::Codebook:
    high = int32_t(element.codebook.values.size()) - 1;
    break;
  }
  return std::clamp(code - sign + step, low, high) | sign;
}

/// Steps the code of each block's scale where a neighbour is better.
void CompositeSearch::stepScales(CodedTensor &out) {
  std::vector<int32_t> &codes = out.planes.at("scale").codes;
  const std::vector<int32_t> stored = codes;
  std::vector<int32_t> best = stored;
  std::vector<BlockFit> bestFits, here;
  evaluateScales(decodeTree(kernels, *format.scale, out, "scale"), bestFits);
  for (int32_t step : {-1, 1}) {
    for (size_t i = 0; i < codes.size(); ++i)
      codes[i] = codeBeside(format.scale->element, stored[i], step);
    evaluateScales(decodeTree(kernels, *format.scale, out, "scale"), here);
    for (size_t i = 0; i < codes.size(); ++i)
      if (here[i].gain > bestFits[i].gain) {
        bestFits[i] = here[i];
        best[i] = codes[i];
      }
  }
  codes = best;
  fits = bestFits;
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

namespace {
/// The best codes so far of each outermost block.
class BestBlocks {
public:
  BestBlocks(const LaneKernels &kernels, const Format &format,
             const MatrixView &matrix, const WeightView &weights)
      : kernels(kernels), format(format), matrix(matrix), weights(weights),
        outer(outermostBlock(format), matrix.rows, matrix.cols) {}

  void consider(const CodedTensor &next) {
    std::vector<double> errors = errorsOf(next);
    if (best.planes.empty()) {
      best = next;
      bestErrors = errors;
      return;
    }
    std::vector<bool> isBetter;
    for (size_t i = 0; i < errors.size(); ++i) {
      isBetter.push_back(errors[i] < bestErrors[i]);
      bestErrors[i] = std::min(errors[i], bestErrors[i]);
    }
    copyBlocks(format, "", outer, isBetter, next, best);
  }

  CodedTensor best;

private:
  std::vector<double> errorsOf(const CodedTensor &coded) const {
    std::vector<float> values = decodeTree(kernels, format, coded, "");
    std::vector<double> errors(size_t(outer.count()));
    for (int64_t r = 0; r < matrix.rows; ++r)
      for (int64_t c = 0; c < matrix.cols; ++c) {
        int64_t i = r * matrix.cols + c;
        double rest = double(matrix.values[i]) - double(values[size_t(i)]);
        double weight = weights.values
                            ? double(weights.values[r * weights.rowStride + c])
                            : 1;
        errors[outer.indexOf(r, c)] += weight * rest * rest;
      }
    return errors;
  }

  const LaneKernels &kernels;
  const Format &format;
  const MatrixView matrix;
  const WeightView weights;
  const Blocks outer;
  std::vector<double> bestErrors;
};
} // namespace

/// A plane for the codes of the matrix itself.
static int32_t *addVectorPlane(const Format &format, const MatrixView &matrix,
                               CodedTensor &out) {
  int64_t size = format.element.vectorSize();
  return addPlane("", {nullptr, matrix.rows, matrix.cols / size}, out);
}

void CompositeSearch::run(CodedTensor &out) {
  findUnits();
  for (int64_t g = 0; g < groups.count(); ++g)
    searchGroup(g);
  BestBlocks best(kernels, format, matrix, weights);
  CodedTensor plain;
  encodeTree(kernels, format, nullptr, "", matrix, plain,
             addVectorPlane(format, matrix, plain));
  best.consider(plain);
  CodedTensor next;
  storeScales(next);
  stepScales(next);
  BlockValues stored;
  stored.scales = decodeTree(kernels, *format.scale, next, "scale");
  if (format.offset)
    stored.offsets.resize(
        size_t(Blocks(format.offsetBlock, matrix.rows, matrix.cols).count()));
  encodeLevel(kernels, format, nullptr, matrix, weights, stored, next,
              addVectorPlane(format, matrix, next));
  best.consider(next);
  out = std::move(best.best);
}

void numerics::searchVectors(const LaneKernels &kernels, const Format &format,
                             const MatrixView &matrix,
                             const WeightView &weights, CodedTensor &out,
                             int32_t *codes) {
  CodedTensor all;
  CompositeSearch(kernels, format, matrix, weights).run(all);
  for (auto &[key, plane] : all.planes)
    if (key == planeKey(""))
      std::copy(plane.codes.begin(), plane.codes.end(), codes);
    else
      out.planes[key] = std::move(plane);
}
