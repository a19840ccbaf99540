// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Error bounds; the derivations are in the header.

#include "quern/Numerics/ErrorBound.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::numerics;

static const double unitRoundoff = std::ldexp(1.0, -24);

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// The largest gap between neighbouring values of an element. A vector is
/// chosen as a whole, so that one of its values may be off by any distance.
static double largestGap(const Element &e) {
  if (e.isComposite())
    return 2 * (double(largestValue(e)) - double(lowestValue(e)));
  switch (e.kind) {
  case ElementKind::Int:
    return std::fabs(double(e.multiplier));
  case ElementKind::Float: {
    ScalarValues v;
    int32_t top = maxFiniteCodeOf(*e.floatType);
    return double(decodeFloat(v, *e.floatType, top)) -
           double(decodeFloat(v, *e.floatType, top - 1));
  }
  case ElementKind::Codebook: {
    std::vector<float> sorted = e.codebook.values;
    std::sort(sorted.begin(), sorted.end());
    double gap = 0;
    for (size_t i = 1; i < sorted.size(); ++i)
      gap = std::max(gap, double(sorted[i]) - double(sorted[i - 1]));
    return gap;
  }
  }
  return 1;
}

/// Values beyond the last element value on the side where that is nearest.
static double overshoot(const Format &f, bool isNonNegative) {
  double divisor = std::fabs(f.scaleRule.divisor);
  double low = lowestValue(f.element), high = largestValue(f.element);
  switch (f.scaleRule.statistic) {
  case ScaleStatistic::Range: // from the lowest value up
    return std::max(0.0, divisor - (high - low));
  case ScaleStatistic::SignedMax: { // the largest lies on the divisor's side
    double side = f.scaleRule.divisor < 0 ? -low : high;
    double other = f.scaleRule.divisor < 0 ? high : -low;
    return std::max({0.0, divisor - side, divisor - other});
  }
  case ScaleStatistic::AbsMax:
    break;
  }
  double below = isNonNegative ? 0 : divisor + low;
  return std::max({0.0, divisor - high, below});
}

/// Rounding of an unscaled element against the value itself.
static ErrorBound elementBound(const Element &e, ScaleRounding rounding,
                               double threshold) {
  bool isNearest = rounding == ScaleRounding::Nearest;
  if (e.kind != ElementKind::Float)
    return {0, isNearest ? largestGap(e) / 2 : largestGap(e)};
  const FloatType &t = *e.floatType;
  double least = std::ldexp(1.0, 1 - t.bias - int(t.mantissaBits));
  double step = std::ldexp(1.0, -int(t.mantissaBits));
  switch (rounding) {
  case ScaleRounding::Nearest:
    // Worst just above a power of two; with no mantissa, at 1.5.
    return {t.mantissaBits == 0 ? 1.0 / 3 : step / 2, least / 2};
  case ScaleRounding::Down:
    return {t.mantissaBits == 0 ? 0.5 : step, least};
  case ScaleRounding::Up:
    return {step, least};
  case ScaleRounding::UpFrom:
    break;
  }
  double down = 1 - 1 / threshold, up = 2 / threshold - 1;
  return {t.mantissaBits == 0 ? std::max(down, up) : step, least};
}

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

/// Whether the scales that the rule gives are never negative.
static bool givesMagnitudes(const ScaleRule &rule) {
  return rule.statistic != ScaleStatistic::SignedMax && rule.divisor > 0;
}

/// `rule`: of the level above, if the format codes scales. `isNonNegative`: so
/// are all numbers that the format codes.
static ErrorBound treeBound(const Format &f, const ScaleRule &rule,
                            bool isNonNegative) {
  if (!f.isScaled())
    return elementBound(f.element, rule.rounding, rule.threshold);
  double divisor = std::fabs(f.scaleRule.divisor);
  // A range is at most twice the largest magnitude.
  double scale =
      (f.scaleRule.statistic == ScaleStatistic::Range ? 2.0 : 1.0) / divisor;
  bool hasMagnitudes = givesMagnitudes(f.scaleRule);
  ErrorBound stored = treeBound(*f.scale, f.scaleRule, hasMagnitudes);
  double slack = stored.relative * scale; // d, relative to A
  // A directed rounding of the codes may cost the whole gap.
  double half =
      largestGap(f.element) / (rule.rounding == ScaleRounding::Nearest ? 2 : 1);
  ErrorBound bound;
  bound.relative = (scale + slack) * half +
                   scale * overshoot(f, isNonNegative) + slack * divisor;
  bound.absolute = stored.absolute * (half + divisor);
  if (f.offset) {
    // What is put on the lowest code is 0 or less.
    bool isAbove =
        hasMagnitudes && lowestValue(f.element) >= 0 &&
        (f.offsetKind == OffsetKind::Min || f.offsetKind == OffsetKind::Zero);
    ErrorBound offset = treeBound(*f.offset, ScaleRule(), isAbove);
    double shift = std::max(std::fabs(double(lowestValue(f.element))),
                            std::fabs(double(largestValue(f.element))));
    if (f.offsetKind == OffsetKind::Zero) {
      // In codes, where the offset is at most `shift` long.
      double codes = offset.relative * shift + offset.absolute;
      bound.relative += (scale + slack) * codes;
      bound.absolute += stored.absolute * codes;
    } else {
      // |offset| <= A + scale |lowest|
      double lowest = std::fabs(double(lowestValue(f.element)));
      bound.relative += offset.relative * (1 + (scale + slack) * lowest);
      bound.absolute +=
          offset.absolute + offset.relative * stored.absolute * lowest;
    }
  }
  double largest = std::max(std::fabs(double(lowestValue(f.element))),
                            std::fabs(double(largestValue(f.element))));
  bound.relative +=
      8 * unitRoundoff * (1 + (scale + slack) * std::max(divisor, largest));
  return bound;
}

ErrorBound numerics::encodeErrorBound(const Format &format) {
  return treeBound(format, ScaleRule(), false);
}

//===----------------------------------------------------------------------===//
// Dot products
//===----------------------------------------------------------------------===//

double numerics::sumErrorFactor(int64_t terms) {
  double x = double(terms) * unitRoundoff;
  return x < 1 ? x / (1 - x) : HUGE_VAL;
}

double numerics::dotErrorBound(Span<const float> x, Span<const float> w) {
  double magnitude = 0;
  for (size_t i = 0; i < x.size(); ++i)
    magnitude += std::fabs(double(x[i]) * double(w[i]));
  return sumErrorFactor(int64_t(x.size())) * magnitude;
}

double numerics::quantizedDotErrorBound(const Format &activation,
                                        Span<const float> x,
                                        Span<const float> w) {
  ErrorBound code = encodeErrorBound(activation);
  int64_t width = outermostBlock(activation).cols;
  size_t block = width == 0 ? x.size() : size_t(width);
  double bound = 0, magnitude = 0;
  for (size_t begin = 0; begin < x.size(); begin += block) {
    double largest = 0, weights = 0;
    for (size_t i = begin; i < std::min(begin + block, x.size()); ++i) {
      largest = std::max(largest, std::fabs(double(x[i])));
      weights += std::fabs(double(w[i]));
    }
    bound += code.at(largest) * weights;
    magnitude += (largest + code.at(largest)) * weights;
  }
  return bound + sumErrorFactor(int64_t(x.size()) + 4) * magnitude;
}
