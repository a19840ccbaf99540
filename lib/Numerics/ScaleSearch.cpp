// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding with the scales, offsets and codes of all levels chosen for
// the least weighted squared error.

#include "ScaleSearch.h"
#include "CompositeSearch.h"
#include "FactorSearch.h"
#include "LaneGroups.h"
#include "TreeCodec.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::numerics;

/// Most steps of a stored code in one round. The second one gains less than a
/// thousandth of the error.
static constexpr int kSteps = 1;

/// Rounds of storing the scales, then the offsets, then stepping their codes.
/// A second one pays where scales and offsets must suit each other.
static int roundsOf(const Format &format) { return format.offset ? 2 : 1; }

/// Whether a block can have a negative scale or offset of this format whatever
/// the others have.
static bool canBeNegative(const Format &format) {
  return lowestValue(format.element) < 0 ||
         format.offsetKind != OffsetKind::None;
}

bool numerics::isFine(const Format &format) {
  const Element &e = format.element;
  return e.kind == ElementKind::Float ? e.floatType->mantissaBits >= 7
                                      : e.bits >= 12;
}

/// Whether the search knows how the codes of a block follow from its scale.
static bool canSearch(const Format &format) {
  bool isOffsetOfBlock =
      !format.offset || (format.offsetKind != OffsetKind::Mean &&
                         format.offsetBlock == format.block);
  return format.isScaled() && !format.element.isComposite() && isOffsetOfBlock;
}

/// A level in which elements are multiplied with what it divides by. The search
/// knows no divisors: it finds factors, and one over them is stored.
static Format multiplying(Format format) {
  format.dividesByScale = false;
  return format;
}

static FitLimits limitsOf(const Format &format) {
  FitLimits limits;
  limits.lowest = lowestValue(format.element);
  limits.largest = largestValue(format.element);
  limits.negativeScale =
      format.scaleRule.statistic == ScaleStatistic::SignedMax &&
      canBeNegative(*format.scale);
  limits.negativeOffset = format.offset && canBeNegative(*format.offset);
  return limits;
}

void numerics::copyBlocks(const Format &format, const std::string &path,
                          const Blocks &blocks,
                          const std::vector<bool> &isChosen,
                          const CodedTensor &from, CodedTensor &to) {
  for (const Plane &plane : planesOf(format)) {
    std::string key = plane.path == "code"
                          ? planeKey(path)
                          : childPath(path, plane.path.c_str());
    const PlaneCodes &source = from.planes.at(key);
    PlaneCodes &target = to.planes.at(key);
    // No granule is cut by an outermost block, so each plane divides evenly.
    int64_t rows = source.rows / blocks.down;
    int64_t cols = source.cols / blocks.across;
    for (int64_t i = 0; i < blocks.count(); ++i) {
      if (!isChosen[size_t(i)])
        continue;
      int64_t first =
          i / blocks.across * rows * source.cols + i % blocks.across * cols;
      for (int64_t r = 0; r < rows; ++r, first += source.cols)
        std::copy_n(source.codes.begin() + first, cols,
                    target.codes.begin() + first);
    }
  }
}

void numerics::invertFactors(std::vector<float> &factors,
                             std::vector<float> &weights) {
  float most = 0;
  for (float factor : factors)
    most = std::max(most, std::fabs(factor));
  for (size_t i = 0; i < factors.size(); ++i) {
    // The square of the slope of 1 / x, but for a common factor.
    float share = most > 0 ? factors[i] / most : 0;
    weights[i] *= (share * share) * (share * share);
    factors[i] = 1 / factors[i];
  }
}

/// For each element of a matrix, row by row, the block that it is in.
static std::vector<int32_t> blockIndices(const Blocks &blocks) {
  std::vector<int32_t> indices;
  indices.reserve(size_t(blocks.count() * blocks.size()));
  for (int64_t r = 0; r < blocks.down * blocks.rows; ++r)
    for (int64_t b = 0; b < blocks.across; ++b)
      indices.insert(indices.end(), size_t(blocks.cols),
                     int32_t(r / blocks.rows * blocks.across + b));
  return indices;
}

//===----------------------------------------------------------------------===//
// One level
//===----------------------------------------------------------------------===//

namespace {
/// The planes in which the scales (or offsets) of a level are coded.
struct ChildPlane {
  const Format *format; ///< null: there are none
  std::string path;
  std::vector<int32_t> blockOf;       ///< of each code, if the child is scaled
  std::vector<int32_t> offsetBlockOf; ///< likewise, if it has an offset
  BlockValues above;                  ///< decoded

  ChildPlane(const Format *format, std::string path, const Blocks &parent)
      : format(format), path(std::move(path)) {
    if (format && format->isScaled())
      blockOf = blockIndices(Blocks(format->block, parent.down, parent.across));
    if (format && format->offset)
      offsetBlockOf =
          blockIndices(Blocks(format->offsetBlock, parent.down, parent.across));
  }
};

/// The search in one scaled level.
class LevelSearch {
public:
  LevelSearch(const LaneKernels &kernels, const Format &format,
              const std::string &path, const MatrixView &matrix,
              const WeightView &weights)
      : kernels(kernels), format(format), path(path), matrix(matrix),
        level(multiplying(format)), limits(limitsOf(format)),
        blocks(format.block, matrix.rows, matrix.cols),
        outer(outermostBlock(format), matrix.rows, matrix.cols),
        outerOfBlocks({outer.rows / blocks.rows, outer.cols / blocks.cols},
                      blocks.down, blocks.across),
        outerOf(blockIndices(outerOfBlocks)), groups(blocks, matrix, weights),
        fits(size_t(groups.count())),
        scaleChild(format.scale.get(), childPath(path, "scale"), blocks),
        offsetChild(format.offset.get(),
                    childPath(path, offsetKeyword(format.offsetKind)), blocks),
        targets(size_t(blocks.count())), weightsBelow(targets.size()) {}

  /// Codes the level. `known`, if not null, has scales and offsets that the
  /// result must not be worse than.
  void run(const CodedTensor *known, CodedTensor &out, int32_t *codes);

private:
  using Field = float (LaneFit::*)[kLanes];

  /// Calls body(index of the block, its fit, its lane).
  template <class Body> void forBlocks(Body body) {
    size_t block = 0;
    for (int64_t g = 0; g < groups.count(); ++g)
      for (int64_t lane = 0, end = groups.blocksIn(g); lane < end; ++lane)
        body(block++, fits[size_t(g)], size_t(lane));
  }
  /// Calls a kernel for each group.
  template <class Body> void forGroups(Body body) {
    for (int64_t g = 0; g < groups.count(); ++g)
      body(groups.group(g), fits[size_t(g)], g);
  }

  void evaluate(const CodedTensor &known);
  void storeScales(bool isFirst);
  void storeOffsets();
  void storeTargets(const ChildPlane &child);
  void setFits(const std::vector<float> &values, Field field);
  void stepCodes();
  void readAbove(ChildPlane &child);
  StoredSide storedSide(const ChildPlane &child, int64_t group) const;
  void saveCodes(const ChildPlane &child, const StoredSide &side,
                 int64_t group);
  void keepBest();

  const LaneKernels &kernels;
  const Format &format;
  const std::string path;
  const MatrixView matrix;
  const Format level; ///< what kernels see of `format`
  const FitLimits limits;
  const Blocks blocks;
  const Blocks outer;
  const Blocks outerOfBlocks;         ///< how `outer` cuts the matrix of blocks
  const std::vector<int32_t> outerOf; ///< each block's
  LaneGroups groups;
  std::vector<LaneFit> fits;
  ChildPlane scaleChild, offsetChild;
  std::vector<float> targets;      ///< scales or offsets to be stored
  std::vector<float> weightsBelow; ///< how much each one matters
  CodedTensor next, best;          ///< the children's planes
  std::vector<double> bestErrors;  ///< of each outermost block
};
} // namespace

void LevelSearch::setFits(const std::vector<float> &values, Field field) {
  bool isWide = groups.blocksPerGroup() == 1;
  forBlocks([&](size_t block, LaneFit &fit, size_t lane) {
    if (isWide)
      std::fill_n(fit.*field, kLanes, values[block]);
    else
      (fit.*field)[lane] = values[block];
  });
}

void LevelSearch::evaluate(const CodedTensor &known) {
  next = known;
  setFits(decodeFactors(kernels, format, next, path), &LaneFit::scale);
  if (format.offset)
    setFits(decodeTree(kernels, *format.offset, next, offsetChild.path),
            &LaneFit::offset);
  forGroups([&](const LaneGroup &group, LaneFit &fit, int64_t) {
    kernels.evaluateFit(level, group, fit);
  });
}

/// Codes `targets` as the child's matrix.
void LevelSearch::storeTargets(const ChildPlane &child) {
  searchBelow(kernels, *child.format, child.path,
              blocks.matrixOf(targets, matrix),
              {weightsBelow.data(), blocks.across}, next);
}

/// The error is quadratic in the scale around the best one. At first the
/// offset will follow the scale; later it stays.
void LevelSearch::storeScales(bool isFirst) {
  forBlocks([&](size_t block, LaneFit &fit, size_t lane) {
    float ee = fit.ee[lane], e = fit.e[lane], weight = fit.weight[lane];
    float move = !isFirst && ee > 0 ? fit.re[lane] / ee : 0;
    bool offsetFollows = isFirst && format.offset && weight > 0;
    targets[block] = fit.scale[lane] + move;
    weightsBelow[block] =
        offsetFollows ? std::max(0.0f, ee - e * e / weight) : ee;
  });
  if (format.dividesByScale)
    invertFactors(targets, weightsBelow);
  storeTargets(scaleChild);
  setFits(decodeFactors(kernels, format, next, path), &LaneFit::scale);
}

void LevelSearch::storeOffsets() {
  forGroups([&](const LaneGroup &group, LaneFit &fit, int64_t) {
    kernels.refitOffset(level, group, limits, fit);
  });
  bool inUnitsOfScale = format.offsetKind == OffsetKind::Zero;
  forBlocks([&](size_t block, LaneFit &fit, size_t lane) {
    float unit = inUnitsOfScale ? fit.scale[lane] : 1;
    targets[block] = fit.offset[lane];
    weightsBelow[block] = fit.weight[lane] * unit * unit;
  });
  storeTargets(offsetChild);
  setFits(decodeTree(kernels, *format.offset, next, offsetChild.path),
          &LaneFit::offset);
}

//===----------------------------------------------------------------------===//
// Steps of stored codes
//===----------------------------------------------------------------------===//

void LevelSearch::readAbove(ChildPlane &child) {
  if (child.format)
    child.above = decodeBlockValues(kernels, *child.format, next, child.path);
}

StoredSide LevelSearch::storedSide(const ChildPlane &child,
                                   int64_t group) const {
  StoredSide side;
  if (!child.format)
    return side;
  side.format = child.format;
  side.mayStep = !isFine(*child.format);
  const int32_t *codes = next.planes.at(child.path).codes.data();
  int64_t first = group * groups.blocksPerGroup();
  int64_t last = first + groups.blocksIn(group) - 1;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    // Lanes without a block of their own do as the last one does.
    int64_t block = std::min(first + lane, last);
    side.code[lane] = codes[block];
    if (!child.blockOf.empty())
      side.scale[lane] =
          child.above.scales[size_t(child.blockOf[size_t(block)])];
    if (!child.offsetBlockOf.empty())
      side.offset[lane] =
          child.above.offsets[size_t(child.offsetBlockOf[size_t(block)])];
  }
  return side;
}

void LevelSearch::saveCodes(const ChildPlane &child, const StoredSide &side,
                            int64_t group) {
  if (child.format)
    std::copy_n(side.code, groups.blocksIn(group),
                next.planes.at(child.path).codes.begin() +
                    group * groups.blocksPerGroup());
}

void LevelSearch::stepCodes() {
  readAbove(scaleChild);
  readAbove(offsetChild);
  forGroups([&](const LaneGroup &group, LaneFit &fit, int64_t index) {
    StoredSide scale = storedSide(scaleChild, index);
    scale.isDivisor = format.dividesByScale;
    StoredSide offset = storedSide(offsetChild, index);
    kernels.stepCodes(level, group, kSteps, scale, offset, fit);
    saveCodes(scaleChild, scale, index);
    saveCodes(offsetChild, offset, index);
  });
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

/// Takes over the outermost blocks in which `next` is better.
void LevelSearch::keepBest() {
  std::vector<double> errors(size_t(outer.count()));
  forBlocks([&](size_t block, LaneFit &fit, size_t lane) {
    errors[size_t(outerOf[block])] += double(fit.error[lane]);
  });
  if (best.planes.empty()) {
    best = next;
    bestErrors = errors;
    return;
  }
  std::vector<bool> isBetter(errors.size());
  for (size_t i = 0; i < errors.size(); ++i) {
    // Errors are sums in binary32, so a smaller gain may be none.
    isBetter[i] = errors[i] < bestErrors[i] * (1 - 1e-5);
    if (isBetter[i])
      bestErrors[i] = errors[i];
  }
  for (const ChildPlane *child : {&scaleChild, &offsetChild})
    if (child->format)
      copyBlocks(*child->format, child->path, outerOfBlocks, isBetter, next,
                 best);
}

void LevelSearch::run(const CodedTensor *known, CodedTensor &out,
                      int32_t *codes) {
  if (known) {
    evaluate(*known);
    keepBest();
  }
  forGroups([&](const LaneGroup &group, LaneFit &fit, int64_t) {
    kernels.searchFit(level, group, limits, fit);
  });
  for (int round = 0; round < roundsOf(format); ++round) {
    storeScales(round == 0);
    if (format.offset)
      storeOffsets();
    stepCodes();
    keepBest();
  }
  BlockValues stored = decodeBlockValues(kernels, format, best, path);
  encodeLevel(kernels, format, nullptr, matrix, {}, stored, best, codes);
  for (auto &[key, plane] : best.planes)
    out.planes[key] = std::move(plane);
}

void numerics::searchBelow(const LaneKernels &kernels, const Format &format,
                           const std::string &path, const MatrixView &matrix,
                           const WeightView &weights, CodedTensor &out) {
  int32_t *codes = addPlane(path, matrix, out);
  if (canSearch(format))
    LevelSearch(kernels, format, path, matrix, weights)
        .run(nullptr, out, codes);
  else
    encodeTree(kernels, format, nullptr, path, matrix, out, codes);
}

void numerics::searchTree(const LaneKernels &kernels, const Format &format,
                          const MatrixView &matrix, const WeightView &weights,
                          CodedTensor &out, int32_t *codes) {
  if (canSearchVectors(format))
    return searchVectors(kernels, format, matrix, weights, out, codes);
  if (!format.isScaled())
    return encodeTree(kernels, format, nullptr, "", matrix, out, codes);
  if (!canSearch(format))
    return searchFactors(kernels, format, matrix, weights, out, codes);
  CodedTensor plain;
  encodeScales(kernels, format, "", matrix, plain);
  LevelSearch(kernels, format, "", matrix, weights).run(&plain, out, codes);
}
