// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The search for scales and offsets of sixteen blocks at once. The
// mathematics is in docs/Rationale/Encoders.md.

#ifndef QUERN_LIB_NUMERICS_SEARCHKERNELS_H
#define QUERN_LIB_NUMERICS_SEARCHKERNELS_H

#include "StoredCodes.h"
#include "SumKernels.h"

namespace quern::numerics::QUERN_LANES {

//===----------------------------------------------------------------------===//
// Lines
//===----------------------------------------------------------------------===//

inline F32 select(I32 condition, F32 a, F32 b) { return condition ? a : b; }

/// value = scale * e + shift: one form for every kind of offset.
struct Line {
  F32 scale = 0, shift = 0;
};

/// A search over one group.
class GroupSearch {
public:
  GroupSearch(const Format &f, const LaneGroup &group, FitLimits limits)
      : f(f), group(group), limits(limits),
        sums(sumsFunction(f, group.weights)),
        hasOffset(f.offsetKind != OffsetKind::None) {
    F32 total = float(group.weights ? 0 : group.steps);
    for (int64_t i = 0; group.weights && i < group.steps; ++i)
      total += LaneValues::load(group.weights + i * kLanes);
    weight = group.isWide ? spread(total) : total;
  }

  /// Starts from what `fit` holds.
  void restart(const LaneFit &fit) {
    best.scale = LaneValues::load(fit.scale);
    offset = LaneValues::load(fit.offset);
    best.shift = shiftOf(best.scale, offset);
    bestSums = sums(f, group, best.scale, offset);
  }

  void searchRanges();
  void refine(int rounds);
  void refitOffset();
  void step(StoredSide &scaleSide, StoredSide &offsetSide, int rounds);

  void save(LaneFit &fit) const {
    LaneValues::store(best.scale, fit.scale);
    LaneValues::store(offset, fit.offset);
    LaneValues::store(bestSums.error, fit.error);
    LaneValues::store(bestSums.re, fit.re);
    LaneValues::store(bestSums.r, fit.r);
    LaneValues::store(bestSums.ee, fit.ee);
    LaneValues::store(bestSums.e, fit.e);
    LaneValues::store(weight, fit.weight);
  }

private:
  F32 shiftOf(F32 scale, F32 stored) const {
    switch (f.offsetKind) {
    case OffsetKind::None:
      return 0;
    case OffsetKind::Min:
      return -stored;
    case OffsetKind::Mean:
    case OffsetKind::Add:
      return stored;
    case OffsetKind::Zero:
      break;
    }
    return -(scale * stored);
  }

  /// The offset as stored, made zero where the format cannot express it.
  F32 offsetOf(Line line) {
    F32 stored = 0;
    switch (f.offsetKind) {
    case OffsetKind::None:
      return stored;
    case OffsetKind::Min:
      stored = -line.shift;
      break;
    case OffsetKind::Mean:
    case OffsetKind::Add:
      stored = line.shift;
      break;
    case OffsetKind::Zero:
      stored = -(line.shift * inverseScale(v, line.scale));
      break;
    }
    return limits.negativeOffset ? stored : v.maxF(stored, F32(0));
  }

  /// The error of the line that fits best through the codes of `at`, and that
  /// line.
  F32 project(const Sums &at, Line from, Line &to);

  /// Evaluates `line`; keeps it in the lanes where it is best.
  Sums consider(Line line) {
    F32 stored = offsetOf(line);
    Sums here = sums(f, group, line.scale, stored);
    keep(here.error < bestSums.error, line.scale, stored, here);
    return here;
  }

  void keep(I32 isBetter, F32 scale, F32 stored, const Sums &here) {
    best.scale = select(isBetter, scale, best.scale);
    offset = select(isBetter, stored, offset);
    best.shift = shiftOf(best.scale, offset);
    bestSums.error = select(isBetter, here.error, bestSums.error);
    bestSums.re = select(isBetter, here.re, bestSums.re);
    bestSums.r = select(isBetter, here.r, bestSums.r);
    bestSums.ee = select(isBetter, here.ee, bestSums.ee);
    bestSums.e = select(isBetter, here.e, bestSums.e);
  }

  /// Considers a line and remembers the projection that promises most. Returns
  /// what this one promises.
  F32 propose(Line line) {
    Line target;
    F32 projected = project(consider(line), line, target);
    I32 isBetter = projected < promised;
    promised = select(isBetter, projected, promised);
    promising.scale = select(isBetter, target.scale, promising.scale);
    promising.shift = select(isBetter, target.shift, promising.shift);
    return projected;
  }

  void proposeScales(F32 low, F32 high);
  void proposeRanges(F32 low, F32 high);
  bool tryScaleStep(StoredSide &scaleSide, StoredSide &offsetSide, int delta);
  bool tryOffsetStep(StoredSide &offsetSide, int delta);

  LaneValues v;
  const Format &f;
  const LaneGroup &group;
  const FitLimits limits;
  const SumsFunction sums;
  const bool hasOffset;
  F32 weight;
  Line best, promising;
  F32 offset = 0; ///< best.shift as it is stored
  Sums bestSums;
  F32 promised = std::numeric_limits<float>::infinity();
};

inline F32 GroupSearch::project(const Sums &at, Line from, Line &to) {
  F32 zero = 0;
  F32 dScale = select(at.ee > zero, at.re / at.ee, zero);
  F32 dShift = zero;
  if (hasOffset) {
    F32 determinant = at.ee * weight - at.e * at.e;
    I32 exists = determinant > at.ee * weight * 1e-5f;
    F32 both = (at.re * weight - at.r * at.e) / determinant;
    F32 shift = (at.r * at.ee - at.re * at.e) / determinant;
    dScale = select(exists, both, zero);
    dShift = select(exists, shift, select(weight > zero, at.r / weight, zero));
    // The shift that the format can store, and the best scale for that.
    Line ideal = {from.scale + dScale, from.shift + dShift};
    F32 stored = offsetOf(ideal);
    if (!limits.negativeOffset) {
      I32 isCut = stored == zero;
      dShift = select(isCut, -from.shift, dShift);
      dScale = select(isCut & (at.ee > zero), (at.re - at.e * dShift) / at.ee,
                      dScale);
    }
  }
  to = {from.scale + dScale, from.shift + dShift};
  F32 projected = at.error - 2.0f * (dScale * at.re + dShift * at.r) +
                  dScale * dScale * at.ee + 2.0f * dScale * dShift * at.e +
                  dShift * dShift * weight;
  I32 isAllowed =
      (to.scale > zero) |
      (limits.negativeScale && !hasOffset ? to.scale < zero : I32(0));
  return select(isAllowed, projected,
                F32(std::numeric_limits<float>::infinity()));
}

//===----------------------------------------------------------------------===//
// Candidates
//===----------------------------------------------------------------------===//

/// The distance of the two largest magnitudes of an element, in units of the
/// largest: how far the scale moves when the largest value takes the next code.
inline float relativeStep(const Element &e, float largest) {
  LaneValues v;
  float second = 0;
  switch (e.kind) {
  case ElementKind::Int:
    second = largest - std::fabs(e.multiplier);
    break;
  case ElementKind::Float:
    second =
        decodeElement(v, e, v.constI32(maxFiniteCodeOf(*e.floatType) - 1))[0];
    break;
  case ElementKind::Codebook:
    for (float value : e.codebook.values)
      if (std::fabs(value) < largest)
        second = std::max(second, std::fabs(value));
    break;
  }
  return (largest - second) / largest;
}

/// Scales that clip the largest value by some codes; both signs where the
/// element has more room on one side and the scale may be negative. Elements of
/// few codes have few optima, so few clips find them, without weights most of
/// them of one sign.
inline void GroupSearch::proposeScales(F32 low, F32 high) {
  constexpr float manyClips[] = {-0.6f, -0.2f, 0.2f, 0.6f, 1.0f, 1.5f, 2.2f};
  constexpr float fewClips[] = {0.7f, -0.1f, 1.6f};
  constexpr float coarseStep = 0.25f;
  float top = limits.largest, bottom = limits.lowest;
  float step = relativeStep(f.element, std::max(top, -bottom));
  F32 positive = high / top, negative = -low / top;
  if (bottom < 0) {
    positive = v.maxF(positive, low / bottom);
    negative = v.maxF(negative, high / -bottom);
  }
  bool bothSigns = limits.negativeScale && bottom < 0 && bottom != -top;
  bool few = bothSigns && step >= coarseStep;
  const float *clips = few ? fewClips : manyClips;
  size_t count = few ? std::size(fewClips) : std::size(manyClips);
  for (size_t i = 0; i < count; ++i) {
    float divisor = 1 + clips[i] * step;
    F32 promise = propose({positive / divisor, 0});
    if (!bothSigns)
      continue;
    F32 other = propose({negative / -divisor, 0});
    if (!few || group.weights)
      continue;
    // From here on the sign that promises more. (With weights the largest value
    // may matter little, and both signs stay as likely.)
    positive = select(other < promise, -negative, positive);
    bothSigns = false;
  }
}

/// Ranges whose ends move inwards by some codes, each on its own.
inline void GroupSearch::proposeRanges(F32 low, F32 high) {
  constexpr float clips[] = {-0.3f, 0.1f, 0.5f, 0.9f};
  float top = limits.largest, bottom = limits.lowest;
  F32 step = (high - low) * relativeStep(f.element, top - bottom);
  for (float below : clips)
    for (float above : clips) {
      F32 from = low + step * below, to = high - step * above;
      F32 scale = (to - from) / (top - bottom);
      propose({scale, from - scale * bottom});
    }
}

inline void GroupSearch::searchRanges() {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  // With an offset the range need not hold zero, where it can be stored so.
  bool anywhere = hasOffset && limits.negativeOffset;
  F32 low = anywhere ? infinity : 0.0f, high = anywhere ? -infinity : 0.0f;
  for (int64_t i = 0; i < group.steps; ++i) {
    F32 x = LaneValues::load(group.values + i * kLanes);
    low = v.minF(x, low);
    high = v.maxF(x, high);
  }
  if (group.isWide) {
    low = F32(least(low));
    high = F32(-least(-high));
  }
  bestSums.error = infinity;
  if (hasOffset)
    proposeRanges(low, high);
  else
    proposeScales(low, high);
}

/// Lloyd's iteration: the line through the codes, the codes of the line.
inline void GroupSearch::refine(int rounds) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (int i = 0; i < rounds; ++i) {
    Line line = {select(promised < infinity, promising.scale, best.scale),
                 select(promised < infinity, promising.shift, best.shift)};
    promised = infinity;
    propose(line);
  }
}

/// The best offset for the scale as it is.
inline void GroupSearch::refitOffset() {
  for (int i = 0; i < 2; ++i) {
    F32 move = select(weight > F32(0), bestSums.r / weight, F32(0));
    consider({best.scale, best.shift + move});
  }
}

//===----------------------------------------------------------------------===//
// Stored codes
//===----------------------------------------------------------------------===//

inline bool isAny(I32 condition) { return __builtin_reduce_or(condition) != 0; }

inline bool GroupSearch::tryScaleStep(StoredSide &scaleSide,
                                      StoredSide &offsetSide, int delta) {
  I32 oldCode = LaneValues::load(scaleSide.code);
  I32 code = neighbour(v, scaleSide.format->element, oldCode, delta);
  F32 scale = storedValue(v, scaleSide, code), stored = offset;
  Sums here = sums(f, group, scale, stored);
  I32 offsetCode = 0;
  if (offsetSide.format) {
    F32 move = select(weight > F32(0), here.r / weight, F32(0));
    Line line = {scale, shiftOf(scale, stored) + move};
    offsetCode = storedCode(v, offsetSide, offsetOf(line));
    stored = storedValue(v, offsetSide, offsetCode);
    here = sums(f, group, scale, stored);
  }
  I32 isBetter = here.error < bestSums.error;
  keep(isBetter, scale, stored, here);
  LaneValues::store(isBetter ? code : oldCode, scaleSide.code);
  if (offsetSide.format)
    LaneValues::store(isBetter ? offsetCode : LaneValues::load(offsetSide.code),
                      offsetSide.code);
  return isAny(isBetter);
}

inline bool GroupSearch::tryOffsetStep(StoredSide &offsetSide, int delta) {
  I32 oldCode = LaneValues::load(offsetSide.code);
  I32 code = neighbour(v, offsetSide.format->element, oldCode, delta);
  F32 stored = storedValue(v, offsetSide, code);
  Sums here = sums(f, group, best.scale, stored);
  I32 isBetter = here.error < bestSums.error;
  keep(isBetter, best.scale, stored, here);
  LaneValues::store(isBetter ? code : oldCode, offsetSide.code);
  return isAny(isBetter);
}

inline void GroupSearch::step(StoredSide &scaleSide, StoredSide &offsetSide,
                              int rounds) {
  bool isBetter = scaleSide.mayStep || offsetSide.mayStep;
  for (int i = 0; i < rounds && isBetter; ++i) {
    isBetter = false;
    for (int delta : {1, -1}) {
      if (scaleSide.mayStep)
        isBetter |= tryScaleStep(scaleSide, offsetSide, delta);
      if (offsetSide.mayStep)
        isBetter |= tryOffsetStep(offsetSide, delta);
    }
  }
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

inline void searchFit(const Format &f, const LaneGroup &group, FitLimits limits,
                      LaneFit &fit) {
  GroupSearch search(f, group, limits);
  search.searchRanges();
  search.refine(2);
  search.save(fit);
}

inline void refitOffset(const Format &f, const LaneGroup &group,
                        FitLimits limits, LaneFit &fit) {
  GroupSearch search(f, group, limits);
  search.restart(fit);
  search.refitOffset();
  search.save(fit);
}

inline FitLimits anyLimits() {
  FitLimits limits;
  limits.negativeScale = limits.negativeOffset = true;
  return limits;
}

inline void evaluateFit(const Format &f, const LaneGroup &group, LaneFit &fit) {
  GroupSearch search(f, group, anyLimits());
  search.restart(fit);
  search.save(fit);
}

inline void stepCodes(const Format &f, const LaneGroup &group, int rounds,
                      StoredSide &scale, StoredSide &offset, LaneFit &fit) {
  GroupSearch search(f, group, anyLimits());
  search.restart(fit);
  search.step(scale, offset, rounds);
  search.save(fit);
}

} // namespace quern::numerics::QUERN_LANES

#endif // QUERN_LIB_NUMERICS_SEARCHKERNELS_H
