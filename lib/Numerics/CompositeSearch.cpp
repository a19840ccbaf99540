// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The search for scales where elements are vectors or have signs apart.
// The method is in docs/Rationale/Encoders.md.

#include "CompositeSearch.h"
#include "BestBlocks.h"
#include "LaneGroups.h"
#include "ScaleSearch.h"
#include "TreeCodec.h"
#include "VectorSearch.h"
#include "VectorTable.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace quern;
using namespace quern::numerics;

/// Scales that are tried, in units of the one by which the largest value of the
/// block gets the largest element.
static constexpr float kFactors[] = {1.0f, 0.8f, 0.65f, 0.5f};
/// Where a look-up takes more operations an element, scales are judged by how
/// far the nearest levels are, whatever vectors there are: about a twentieth of
/// the work, for up to three hundredths more error.
static constexpr int64_t kDearLookup = 100;

bool numerics::canSearchVectors(const Format &format) {
  return format.element.isComposite() && format.isScaled() &&
         (!format.offset || choosesOffset(format));
}

namespace {
/// What is known of a block. Scales are in units of `unit`, so that sums stay
/// in range whatever the size of the values.
struct BlockFit {
  float unit = 0;
  float energy = 0; ///< the error of a zero scale, in squares of units
  float scale = 0;  ///< the best one for the codes
  float ee = 0;     ///< weighted squares of the elements
  float error = 0;  ///< of the codes under their own scale, likewise
};

class CompositeSearch {
public:
  CompositeSearch(const LaneKernels &kernels, const Format &format,
                  const MatrixView &matrix, const WeightView &weights)
      : kernels(kernels), format(format), matrix(matrix), weights(weights),
        blocks(format.block, matrix.rows, matrix.cols),
        outer(outermostBlock(format), matrix.rows, matrix.cols),
        groups(blocks, matrix, weights, /*mayBeWide=*/false),
        plan(vectorPlanOf(format, blocks, matrix)), found(plan),
        fits(size_t(groups.count() * kLanes)) {}

  /// Codes the matrix. False where the rule may be better in some outermost
  /// block.
  bool run(CodedTensor &out, int32_t *codes);

private:
  BlockFit *fitsOf(int64_t group) { return &fits[size_t(group * kLanes)]; }
  void findUnits();
  void setInverses(int64_t group, const float *scales);
  void useScales(int64_t group, const std::vector<float> &scales, float *own);
  void considerFound(int64_t group, const float *scales, float *gains);
  void searchLevels(int64_t group);
  void searchVectors(int64_t group);
  void storeScales(CodedTensor &out);
  void codeStored(const std::vector<float> &scales, const VectorPlanes &planes);
  std::vector<int32_t> neighbours(CodedTensor &out,
                                  const std::vector<float> &scales,
                                  std::vector<float> &steppedScales);
  void stepScales(const std::vector<float> &scales, CodedTensor &out,
                  const VectorPlanes &planes);
  using Measure = decltype(LaneKernels::measureVectors);
  std::vector<double> boundsOfRule(const std::vector<float> &scales,
                                   Measure measure);
  std::vector<double> errorsOfOuter() const;
  bool isBetterThanRule();
  std::vector<double> sumOfOuter(const std::vector<double> &errors) const;

  const LaneKernels &kernels;
  const Format &format;
  const MatrixView matrix;
  const WeightView weights;
  const Blocks blocks, outer;
  LaneGroups groups;
  VectorPlan plan;
  VectorCodes found;
  float inverses[kLanes];
  std::vector<BlockFit> fits; ///< of all lanes, with and without a block
};
} // namespace

void CompositeSearch::findUnits() {
  float largest =
      std::max(largestValue(format.element), -lowestValue(format.element));
  for (int64_t g = 0; g < groups.count(); ++g) {
    LaneGroup group = groups.group(g);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      float most = 0, energy = 0;
      for (int64_t i = 0; i < group.steps; ++i)
        most = std::max(most, std::fabs(group.values[i * kLanes + lane]));
      float unit = most / largest;
      for (int64_t i = 0; unit > 0 && i < group.steps; ++i) {
        float x = group.values[i * kLanes + lane] / unit;
        energy +=
            (group.weights ? group.weights[i * kLanes + lane] : 1) * (x * x);
      }
      fitsOf(g)[lane].unit = unit;
      fitsOf(g)[lane].energy = energy;
    }
  }
}

/// Prepares for scales in units.
void CompositeSearch::setInverses(int64_t group, const float *scales) {
  ScalarValues v;
  for (int64_t lane = 0; lane < kLanes; ++lane)
    inverses[lane] = inverseScale(v, scales[lane] * fitsOf(group)[lane].unit);
}

/// Of finding the nearest vectors, for an element.
static int64_t operationsOfLookup(const VectorPlan &plan) {
  const VectorTable &table = *plan.table;
  int64_t each = table.nodes() + int64_t(table.leastOf.size());
  return each * int64_t(plan.offsets.size()) / table.size;
}

/// Takes over the best scales through the codes that `scales` gave, where they
/// gain most.
void CompositeSearch::considerFound(int64_t group, const float *scales,
                                    float *gains) {
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    float xe = found.xe[lane], ee = found.ee[lane];
    if (!(ee > 0) || !(xe > 0))
      continue;
    float best = scales[lane] * (xe / ee), gain = best * best * ee;
    if (!(gain > gains[lane]))
      continue;
    gains[lane] = gain;
    fitsOf(group)[lane].scale = best;
    fitsOf(group)[lane].ee = ee;
  }
}

/// Finds the best scale as a real number, by the nearest levels.
void CompositeSearch::searchLevels(int64_t group) {
  float own[kLanes], gains[kLanes] = {};
  for (float factor : kFactors) {
    std::fill_n(own, kLanes, factor);
    setInverses(group, own);
    kernels.boundVectors(plan, groups.group(group), inverses, found);
    considerFound(group, own, gains);
  }
}

/// Finds the best scale as a real number: among a few by the error of each, and
/// then through the codes of that one.
void CompositeSearch::searchVectors(int64_t group) {
  float scales[kLanes] = {}, least[kLanes], own[kLanes], gains[kLanes] = {};
  std::fill_n(least, kLanes, std::numeric_limits<float>::infinity());
  for (float factor : kFactors) {
    std::fill_n(own, kLanes, factor);
    setInverses(group, own);
    kernels.measureVectors(plan, groups.group(group), inverses, found);
    for (int64_t lane = 0; lane < kLanes; ++lane)
      if (float error = factor * factor * found.cost[lane];
          error < least[lane]) {
        least[lane] = error;
        scales[lane] = factor;
      }
  }
  setInverses(group, scales);
  kernels.codeVectors(plan, groups.group(group), inverses, found);
  considerFound(group, scales, gains);
}

//===----------------------------------------------------------------------===//
// Stored scales
//===----------------------------------------------------------------------===//

void CompositeSearch::storeScales(CodedTensor &out) {
  std::vector<float> targets, importance;
  for (int64_t i = 0; i < blocks.count(); ++i) {
    const BlockFit &fit = fits[size_t(i)];
    targets.push_back(fit.scale * fit.unit);
    importance.push_back(fit.ee);
  }
  if (format.dividesByScale)
    invertFactors(targets, importance);
  searchBelow(kernels, *format.scale, "scale",
              {targets.data(), blocks.down, blocks.across},
              {importance.data(), blocks.across}, out);
}

/// Prepares for `scales` of all blocks; `own` becomes those of the group's
/// lanes in units, zero for lanes without a block.
void CompositeSearch::useScales(int64_t group, const std::vector<float> &scales,
                                float *own) {
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    int64_t block = group * kLanes + lane;
    float unit = fitsOf(group)[lane].unit;
    own[lane] =
        block < blocks.count() && unit > 0 ? scales[size_t(block)] / unit : 0;
  }
  setInverses(group, own);
}

/// The error of a block, in squares of units, from that in squares of scales.
static float errorInUnits(const BlockFit &fit, float scale, float cost) {
  return scale == 0 ? fit.energy : scale * scale * cost;
}

/// Codes with the scales as stored, and finds the best scales for the codes.
void CompositeSearch::codeStored(const std::vector<float> &scales,
                                 const VectorPlanes &planes) {
  float own[kLanes];
  for (int64_t g = 0; g < groups.count(); ++g) {
    useScales(g, scales, own);
    kernels.codeVectors(plan, groups.group(g), inverses, found);
    for (int64_t lane = 0; lane < groups.blocksIn(g); ++lane) {
      BlockFit &fit = fitsOf(g)[lane];
      float ee = found.ee[lane];
      fit.error = errorInUnits(fit, own[lane], found.cost[lane]);
      fit.scale = ee > 0 ? own[lane] * (found.xe[lane] / ee) : own[lane];
      planes.put(plan, blocks, found, lane, g * kLanes + lane);
    }
  }
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

/// For each scale the code beside its own on the side of the best scale for the
/// vectors, and what it stands for.
std::vector<int32_t>
CompositeSearch::neighbours(CodedTensor &out, const std::vector<float> &scales,
                            std::vector<float> &steppedScales) {
  std::vector<int32_t> &codes = out.planes.at("scale").codes;
  const std::vector<int32_t> stored = codes;
  std::vector<int32_t> nearest = stored;
  steppedScales = scales;
  for (int32_t step : {-1, 1}) {
    for (size_t i = 0; i < codes.size(); ++i)
      codes[i] = codeBeside(format.scale->element, stored[i], step);
    std::vector<float> moved = decodeFactors(kernels, format, out, "");
    for (size_t i = 0; i < codes.size(); ++i) {
      float target = fits[i].scale * fits[i].unit;
      if ((moved[i] < scales[i]) == (target < scales[i])) {
        nearest[i] = codes[i];
        steppedScales[i] = moved[i];
      }
    }
  }
  codes = stored;
  return nearest;
}

/// Steps the code of each block's scale where that is better.
void CompositeSearch::stepScales(const std::vector<float> &scales,
                                 CodedTensor &out, const VectorPlanes &planes) {
  std::vector<float> stepped;
  std::vector<int32_t> nearest = neighbours(out, scales, stepped);
  std::vector<int32_t> &codes = out.planes.at("scale").codes;
  float own[kLanes];
  for (int64_t g = 0; g < groups.count(); ++g) {
    useScales(g, stepped, own);
    kernels.codeVectors(plan, groups.group(g), inverses, found);
    for (int64_t lane = 0; lane < groups.blocksIn(g); ++lane) {
      BlockFit &fit = fitsOf(g)[lane];
      float error = errorInUnits(fit, own[lane], found.cost[lane]);
      if (!(error < fit.error))
        continue;
      fit.error = error;
      codes[size_t(g * kLanes + lane)] = nearest[size_t(g * kLanes + lane)];
      planes.put(plan, blocks, found, lane, g * kLanes + lane);
    }
  }
}

//===----------------------------------------------------------------------===//
// What the rule can reach
//===----------------------------------------------------------------------===//

/// Sums over the outermost blocks.
std::vector<double>
CompositeSearch::sumOfOuter(const std::vector<double> &errors) const {
  std::vector<double> sums(size_t(outer.count()));
  for (int64_t i = 0; i < blocks.count(); ++i)
    sums[outer.indexOf(i / blocks.across * blocks.rows,
                       i % blocks.across * blocks.cols)] += errors[size_t(i)];
  return sums;
}

/// For each outermost block a bound below the error that the format's rule
/// gives: that of the nearest vectors (or levels) under the rule's scales, each
/// element with the sign that suits it.
std::vector<double>
CompositeSearch::boundsOfRule(const std::vector<float> &scales,
                              Measure measure) {
  VectorPlan free = plan;
  if (free.signs != SignPolicy::None)
    free.signs = SignPolicy::Each;
  VectorCodes scratch(free);
  std::vector<double> bounds(size_t(blocks.count()));
  float own[kLanes];
  for (int64_t g = 0; g < groups.count(); ++g) {
    useScales(g, scales, own);
    measure(free, groups.group(g), inverses, scratch);
    for (int64_t lane = 0; lane < groups.blocksIn(g); ++lane) {
      const BlockFit &fit = fitsOf(g)[lane];
      bounds[size_t(g * kLanes + lane)] =
          double(errorInUnits(fit, own[lane], scratch.cost[lane])) *
          double(fit.unit) * double(fit.unit);
    }
  }
  return sumOfOuter(bounds);
}

std::vector<double> CompositeSearch::errorsOfOuter() const {
  std::vector<double> errors;
  for (int64_t i = 0; i < blocks.count(); ++i) {
    const BlockFit &fit = fits[size_t(i)];
    errors.push_back(double(fit.error) * double(fit.unit) * double(fit.unit));
  }
  return sumOfOuter(errors);
}

/// Whether the rule is no better in any outermost block, as far as bounds tell.
bool CompositeSearch::isBetterThanRule() {
  CodedTensor rule;
  encodeScales(kernels, format, "", matrix, rule);
  std::vector<float> scales = decodeFactors(kernels, format, rule, "");
  std::vector<double> errors = errorsOfOuter();
  // The cheap bound first.
  for (Measure measure : {kernels.boundVectors, kernels.measureVectors}) {
    std::vector<double> bounds = boundsOfRule(scales, measure);
    bool isBetter = true;
    for (size_t i = 0; i < errors.size(); ++i)
      // Sums in binary32 are not exact, and overflow tells nothing.
      isBetter = isBetter && errors[i] * (1 + 1e-4) <= bounds[i] &&
                 std::isfinite(bounds[i]);
    if (isBetter)
      return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

bool CompositeSearch::run(CodedTensor &out, int32_t *codes) {
  findUnits();
  const bool isDear = operationsOfLookup(plan) > kDearLookup;
  for (int64_t g = 0; g < groups.count(); ++g)
    isDear ? searchLevels(g) : searchVectors(g);
  storeScales(out);
  VectorPlanes planes(format, matrix, out, codes);
  std::vector<float> scales = decodeFactors(kernels, format, out, "");
  codeStored(scales, planes);
  if (!isFine(*format.scale))
    stepScales(scales, out, planes);
  return isBetterThanRule();
}

void numerics::searchVectors(const LaneKernels &kernels, const Format &format,
                             const MatrixView &matrix,
                             const WeightView &weights, CodedTensor &out,
                             int32_t *codes) {
  CodedTensor searched;
  int32_t *found = addCodePlane(format, matrix, searched);
  if (!CompositeSearch(kernels, format, matrix, weights).run(searched, found)) {
    BestBlocks best(kernels, format, matrix, weights);
    best.consider(searched);
    CodedTensor plain;
    encodeTree(kernels, format, nullptr, "", matrix, plain,
               addCodePlane(format, matrix, plain));
    best.consider(plain);
    searched = std::move(best.best);
  }
  takePlanes(searched, out, codes);
}
