// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the proof of a transcoding asks of ranges.

#include "TranscodeParts.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::numerics;

bool numerics::canBeZero(const Format &format) {
  if (!exactCode(format.element, 0))
    return false;
  if (!format.isScaled())
    return true;
  if (format.dividesByScale || format.offset)
    return false;
  // What codes of 0 below stand for must be finite.
  std::function<bool(const Format &)> isFinite = [&](const Format &level) {
    ElementValues values(level.element);
    bool isSmall = values.isComplete();
    float first = isSmall ? values.values()[values.indexOf(0)] : 0;
    return std::isfinite(first) && !level.offset && !level.dividesByScale &&
           (!level.isScaled() || isFinite(*level.scale));
  };
  return isFinite(*format.scale);
}

double numerics::largestEncodable(const Format &format) {
  double most = std::max(std::fabs(double(lowestValue(format.element))),
                         std::fabs(double(largestValue(format.element))));
  if (!format.isScaled())
    return most;
  double divisor = std::fabs(format.scaleRule.divisor);
  // A range may be twice the largest magnitude.
  if (format.scaleRule.statistic == ScaleStatistic::Range)
    divisor /= 2;
  double scales = format.dividesByScale
                      ? double(std::numeric_limits<float>::max())
                      : largestEncodable(*format.scale);
  double largest =
      std::min(scales * divisor, double(std::numeric_limits<float>::max()));
  if (format.offset && format.offsetKind != OffsetKind::Zero)
    largest = std::min(largest, largestEncodable(*format.offset));
  return largest;
}
