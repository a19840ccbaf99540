// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding with the scales, offsets and codes of all levels chosen for
// the least weighted squared error.

#include "ScaleSearch.h"
#include "LaneGroups.h"
#include "TreeCodec.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

/// Rounds of storing the scales, then the offsets, then stepping their codes.
static constexpr int kRounds = 2;
/// Most steps of a code in one round.
static constexpr int kSteps = 3;

/// Whether a block can have a negative scale or offset of this format whatever
/// the others have.
static bool canBeNegative(const Format &format) {
  return lowestValue(format.element) < 0 ||
         format.offsetKind != OffsetKind::None;
}

/// Whether the values of a format lie so close that the nearest one is best.
static bool isFine(const Format &format) {
  const Element &e = format.element;
  return e.kind == ElementKind::Float ? e.floatType->mantissaBits >= 7
                                      : e.bits >= 12;
}

void numerics::copyBlock(const Format &format, const std::string &path,
                         const Blocks &blocks, int64_t down, int64_t across,
                         const CodedTensor &from, CodedTensor &to) {
  for (const Plane &plane : planesOf(format)) {
    std::string key = path.empty()           ? plane.path
                      : plane.path == "code" ? path
                                             : path + "." + plane.path;
    const PlaneCodes &source = from.planes.at(key);
    PlaneCodes &target = to.planes.at(key);
    // No granule is cut by an outermost block, so each plane divides evenly.
    int64_t rows = source.rows / blocks.down;
    int64_t cols = source.cols / blocks.across;
    for (int64_t r = down * rows; r < (down + 1) * rows; ++r) {
      auto begin = source.codes.begin() + r * source.cols + across * cols;
      std::copy(begin, begin + cols,
                target.codes.begin() + r * source.cols + across * cols);
    }
  }
}

namespace {
/// The search in one scaled level.
class LevelSearch {
public:
  LevelSearch(const LaneKernels &kernels, const Format &format,
              const std::string &path, const MatrixView &matrix,
              const WeightView &weights)
      : kernels(kernels), format(format), path(path), matrix(matrix),
        blocks(format.block, matrix.rows, matrix.cols),
        outer(outermostBlock(format), matrix.rows, matrix.cols),
        groups(blocks, matrix, weights), fits(size_t(groups.count())),
        scales(size_t(blocks.count())), weightsBelow(scales.size()) {
    limits.lowest = lowestValue(format.element);
    limits.largest = largestValue(format.element);
    limits.negativeScale =
        format.scaleRule.statistic == ScaleStatistic::SignedMax &&
        canBeNegative(*format.scale);
    limits.negativeOffset = format.offset && canBeNegative(*format.offset);
  }

  void run(CodedTensor &out);

private:
  /// Calls body(index of the block, its fit, its lane).
  template <class Body> void forBlocks(Body body) {
    for (int64_t g = 0; g < groups.count(); ++g)
      for (int64_t lane = 0; lane < groups.blocksIn(g); ++lane)
        body(size_t(g * groups.blocksPerGroup() + lane), fits[size_t(g)],
             size_t(lane));
  }
  /// Calls a kernel for each group.
  template <class Body> void forGroups(Body body) {
    for (int64_t g = 0; g < groups.count(); ++g)
      body(groups.group(g), fits[size_t(g)], g);
  }

  std::string childOf(const char *child) const {
    return childPath(path, child);
  }
  MatrixView scaleMatrix() const {
    return {scales.data(), blocks.down, blocks.across};
  }
  WeightView scaleWeights() const {
    return {weightsBelow.data(), blocks.across};
  }

  void storeScales(bool isFirst);
  void storeOffsets();
  void stepCodes();
  void setFits(const std::vector<float> &values, float (LaneFit::*field)[16]);
  StoredSide storedSide(const Format &side, const std::string &sidePath,
                        const BlockValues &above, int64_t group) const;
  void saveCodes(const StoredSide &side, const std::string &sidePath,
                 int64_t group);
  void keepBest();

  const LaneKernels &kernels;
  const Format &format;
  const std::string &path;
  const MatrixView matrix;
  const Blocks blocks;
  const Blocks outer;
  LaneGroups groups;
  std::vector<LaneFit> fits;
  FitLimits limits;
  std::vector<float> scales;       ///< or offsets, to be stored
  std::vector<float> weightsBelow; ///< how much each one matters
  CodedTensor next, best;
  std::vector<double> bestErrors; ///< of each outermost block
};
} // namespace

void LevelSearch::setFits(const std::vector<float> &values,
                          float (LaneFit::*field)[16]) {
  forBlocks([&](size_t block, LaneFit &fit, size_t lane) {
    (fit.*field)[lane] = values[block];
    if (!groups.group(0).isWide)
      return;
    std::fill_n(fit.*field, kLanes, values[block]);
  });
}

/// The error is quadratic in the scale around the best one. At first the
/// offset will follow the scale; later it stays.
void LevelSearch::storeScales(bool isFirst) {
  forBlocks([&](size_t block, LaneFit &fit, size_t lane) {
    float ee = fit.ee[lane], e = fit.e[lane], weight = fit.weight[lane];
    float move = !isFirst && ee > 0 ? fit.re[lane] / ee : 0;
    bool offsetFollows = isFirst && format.offset && weight > 0;
    scales[block] = fit.scale[lane] + move;
    weightsBelow[block] =
        offsetFollows ? std::max(0.0f, ee - e * e / weight) : ee;
  });
  std::string child = childOf("scale");
  searchTree(kernels, *format.scale, child, scaleMatrix(), scaleWeights(),
             next);
  setFits(decodeTree(kernels, *format.scale, next, child), &LaneFit::scale);
}

void LevelSearch::storeOffsets() {
  forGroups([&](const LaneGroup &group, LaneFit &fit, int64_t) {
    kernels.refitOffset(format, group, limits, fit);
  });
  bool inUnitsOfScale = format.offsetKind == OffsetKind::Zero;
  forBlocks([&](size_t block, LaneFit &fit, size_t lane) {
    float unit = inUnitsOfScale ? fit.scale[lane] : 1;
    scales[block] = fit.offset[lane];
    weightsBelow[block] = fit.weight[lane] * unit * unit;
  });
  std::string child = childOf(offsetKeyword(format.offsetKind));
  searchTree(kernels, *format.offset, child, scaleMatrix(), scaleWeights(),
             next);
  setFits(decodeTree(kernels, *format.offset, next, child), &LaneFit::offset);
}

StoredSide LevelSearch::storedSide(const Format &side,
                                   const std::string &sidePath,
                                   const BlockValues &above,
                                   int64_t group) const {
  StoredSide result;
  result.format = &side;
  result.mayStep = !isFine(side);
  Blocks blocksAbove(side.block, blocks.down, blocks.across);
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    int64_t block = std::min(group * groups.blocksPerGroup() +
                                 (groups.blocksPerGroup() == 1 ? 0 : lane),
                             blocks.count() - 1);
    result.code[lane] = next.planes.at(sidePath).codes[size_t(block)];
    if (!side.isScaled())
      continue;
    size_t up =
        size_t(block / blocks.across / blocksAbove.rows * blocksAbove.across +
               block % blocks.across / blocksAbove.cols);
    result.scale[lane] = above.scales[up];
    result.offset[lane] = above.offsets.empty() ? 0 : above.offsets[up];
  }
  return result;
}

void LevelSearch::saveCodes(const StoredSide &side, const std::string &sidePath,
                            int64_t group) {
  std::vector<int32_t> &codes = next.planes.at(sidePath).codes;
  for (int64_t lane = 0; lane < groups.blocksIn(group); ++lane)
    codes[size_t(group * groups.blocksPerGroup() + lane)] = side.code[lane];
}

void LevelSearch::stepCodes() {
  std::string scalePath = childOf("scale");
  std::string offsetPath = childOf(offsetKeyword(format.offsetKind));
  BlockValues aboveScale =
      decodeBlockValues(kernels, *format.scale, next, scalePath);
  BlockValues aboveOffset;
  if (format.offset)
    aboveOffset = decodeBlockValues(kernels, *format.offset, next, offsetPath);
  forGroups([&](const LaneGroup &group, LaneFit &fit, int64_t index) {
    StoredSide scale = storedSide(*format.scale, scalePath, aboveScale, index);
    StoredSide offset;
    if (format.offset)
      offset = storedSide(*format.offset, offsetPath, aboveOffset, index);
    kernels.stepCodes(format, group, kSteps, scale, offset, fit);
    saveCodes(scale, scalePath, index);
    if (format.offset)
      saveCodes(offset, offsetPath, index);
  });
}

void LevelSearch::keepBest() {
  std::vector<double> errors(size_t(outer.count()));
  forBlocks([&](size_t block, LaneFit &fit, size_t lane) {
    int64_t row = int64_t(block) / blocks.across * blocks.rows;
    int64_t col = int64_t(block) % blocks.across * blocks.cols;
    errors[size_t(row / outer.rows * outer.across + col / outer.cols)] +=
        double(fit.error[lane]);
  });
  if (best.planes.empty()) {
    best = next;
    bestErrors = errors;
    return;
  }
  // The children's planes are there, the level's own codes come last.
  for (int64_t i = 0; i < outer.count(); ++i) {
    if (!(errors[size_t(i)] < bestErrors[size_t(i)]))
      continue;
    bestErrors[size_t(i)] = errors[size_t(i)];
    Blocks above(BlockShape{outer.rows / blocks.rows, outer.cols / blocks.cols},
                 blocks.down, blocks.across);
    copyBlock(*format.scale, childOf("scale"), above, i / outer.across,
              i % outer.across, next, best);
    if (format.offset)
      copyBlock(*format.offset, childOf(offsetKeyword(format.offsetKind)),
                above, i / outer.across, i % outer.across, next, best);
  }
}

void LevelSearch::run(CodedTensor &out) {
  forGroups([&](const LaneGroup &group, LaneFit &fit, int64_t) {
    kernels.searchFit(format, group, limits, fit);
  });
  for (int round = 0; round < kRounds; ++round) {
    storeScales(round == 0);
    if (format.offset)
      storeOffsets();
    stepCodes();
    keepBest();
  }
  BlockValues stored = decodeBlockValues(kernels, format, best, path);
  best.planes[planeKey(path)] =
      encodeLevel(kernels, format, nullptr, matrix, stored);
  for (auto &[key, plane] : best.planes)
    out.planes[key] = std::move(plane);
}

void numerics::searchTree(const LaneKernels &kernels, const Format &format,
                          const std::string &path, const MatrixView &matrix,
                          const WeightView &weights, CodedTensor &out) {
  if (format.isScaled())
    LevelSearch(kernels, format, path, matrix, weights).run(out);
  else
    out.planes[planeKey(path)] =
        encodeLevel(kernels, format, nullptr, matrix, BlockValues());
}
