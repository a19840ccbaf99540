// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Errors of sixteen blocks at once, and what a better line would gain.

#ifndef QUERN_LIB_NUMERICS_SUMKERNELS_H
#define QUERN_LIB_NUMERICS_SUMKERNELS_H

#include "RowKernels.h"

namespace quern::numerics::QUERN_LANES {

/// With e the decoded element and r = x - value, weighted.
struct Sums {
  F32 error = 0, re = 0, r = 0, ee = 0, e = 0;

  void add(const Sums &o) {
    error += o.error;
    re += o.re;
    r += o.r;
    ee += o.ee;
    e += o.e;
  }
};

/// All lanes become their sum, in one order whatever the instruction set.
inline F32 spread(F32 a) {
  auto eight = a.lo + a.hi;
  auto four = eight.lo + eight.hi;
  auto two = four.lo + four.hi;
  return F32(two.x + two.y);
}

/// The nearest value of an element. A small sorted codebook is searched by
/// comparing with the midpoints.
template <ElementKind kind, CodeRounding rounding> class NearestValue {
public:
  explicit NearestValue(const Format &f) : f(f) {
    if constexpr (kind == ElementKind::Codebook) {
      const float *table = f.element.codebook.values.data();
      count = int(f.element.codebook.values.size());
      isSorted = count <= kLimit;
      for (int i = 0; isSorted && i + 1 < count; ++i) {
        isSorted = table[i] < table[i + 1];
        middle[i] = 0.5f * table[i] + 0.5f * table[i + 1];
      }
    }
  }

  F32 operator()(LaneValues &v, F32 y) const {
    if constexpr (kind == ElementKind::Codebook) {
      if (isSorted) {
        const float *table = f.element.codebook.values.data();
        F32 value = v.constF32(table[0]);
        for (int i = 0; i + 1 < count; ++i)
          value = y > F32(middle[i]) ? F32(table[i + 1]) : value;
        return value;
      }
    }
    if constexpr (kind == ElementKind::Int && rounding == CodeRounding::Even) {
      // encodeInt without the way through integers.
      if (f.element.isPlainInt()) {
        constexpr float shift = 12582912.0f;
        F32 low = float(lowestCodeOf(f.element));
        F32 high = float(highestCodeOf(f.element));
        return (v.minF(v.maxF(y, low), high) + shift) - shift;
      }
    }
    return decodeElement(v, f.element,
                         encodeElement(v, f.element, f.codeRounding, y));
  }

private:
  static constexpr int kLimit = 16;
  const Format &f;
  int count = 0;
  bool isSorted = false;
  float middle[kLimit] = {};
};

template <ElementKind kind, CodeRounding rounding, OffsetKind offsetKind,
          bool hasWeights>
Sums sumsOf(const Format &f, const LaneGroup &group, F32 scale, F32 offset) {
  // So few steps that the rounding of binary32 does not matter.
  constexpr int64_t stepsToFlush = 256;
  assumeElement(f, Constant<kind>(), Constant<rounding>());
  bool isScaled = f.isScaled();
  __builtin_assume(isScaled && f.offsetKind == offsetKind);
  LaneValues v;
  F32 inverse = inverseScale(v, scale);
  NearestValue<kind, rounding> nearest(f);
  Sums total;
  for (int64_t begin = 0; begin < group.steps; begin += stepsToFlush) {
    int64_t end = std::min(begin + stepsToFlush, group.steps);
    Sums part;
    for (int64_t i = begin; i < end; ++i) {
      F32 x = LaneValues::load(group.values + i * kLanes);
      F32 w =
          hasWeights ? LaneValues::load(group.weights + i * kLanes) : F32(1);
      F32 e = nearest(v, codeDomainValue(v, f, x, inverse, offset));
      F32 r = x - applyScale(v, f, e, scale, offset);
      F32 wr = w * r, we = w * e;
      part.error += wr * r;
      part.re += wr * e;
      part.ee += we * e;
      if constexpr (offsetKind != OffsetKind::None) {
        part.r += wr;
        part.e += we;
      }
    }
    total.add(part);
  }
  if (group.isWide)
    total = {spread(total.error), spread(total.re), spread(total.r),
             spread(total.ee), spread(total.e)};
  return total;
}

using SumsFunction = Sums (*)(const Format &, const LaneGroup &, F32, F32);

template <ElementKind kind, CodeRounding rounding, bool hasWeights>
SumsFunction sumsFunctionOf(OffsetKind offsetKind) {
  switch (offsetKind) {
  case OffsetKind::None:
  case OffsetKind::Mean: // is not searched
    break;
  case OffsetKind::Min:
    return sumsOf<kind, rounding, OffsetKind::Min, hasWeights>;
  case OffsetKind::Add:
    return sumsOf<kind, rounding, OffsetKind::Add, hasWeights>;
  case OffsetKind::Zero:
    return sumsOf<kind, rounding, OffsetKind::Zero, hasWeights>;
  }
  return sumsOf<kind, rounding, OffsetKind::None, hasWeights>;
}

/// The copy of sumsOf for the structure of `f`.
inline SumsFunction sumsFunction(const Format &f, bool hasWeights) {
  SumsFunction result = nullptr;
  withElement(f, [&](auto kind, auto rounding) {
    result =
        hasWeights
            ? sumsFunctionOf<kind.value, rounding.value, true>(f.offsetKind)
            : sumsFunctionOf<kind.value, rounding.value, false>(f.offsetKind);
  });
  return result;
}

} // namespace quern::numerics::QUERN_LANES

#endif // QUERN_LIB_NUMERICS_SUMKERNELS_H
