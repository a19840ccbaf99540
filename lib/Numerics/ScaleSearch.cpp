// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Statistics of blocks, and the search for better scales.

#include "ScaleSearch.h"
#include "ElementLoops.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

static float statisticOf(ScaleStatistic statistic, const BlockView &block,
                         float &low) {
  float most = 0, minimum = 0, maximum = 0;
  for (int64_t r = 0; r < block.rows; ++r) {
    const float *row = block.values + r * block.stride;
    for (int64_t c = 0; c < block.cols; ++c) {
      float x = row[c];
      minimum = std::min(minimum, x);
      maximum = std::max(maximum, x);
      // The first value of the largest magnitude decides, as in ggml.
      if (std::fabs(x) > std::fabs(most) || (r == 0 && c == 0))
        most = x;
    }
  }
  low = minimum;
  switch (statistic) {
  case ScaleStatistic::AbsMax:
    break;
  case ScaleStatistic::SignedMax:
    return most;
  case ScaleStatistic::Range:
    return std::min(maximum - minimum, std::numeric_limits<float>::max());
  }
  return std::fabs(most);
}

BlockRange numerics::plainRange(const Format &format, const BlockView &block) {
  ScalarValues v;
  BlockRange range;
  float statistic = statisticOf(format.scaleRule.statistic, block, range.low);
  range.scale = exactScale(v, format, statistic);
  return range;
}

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

namespace {
/// The line x = scale * e + shift with the least squared error.
struct Line {
  double scale = 0, shift = 0, error = 0;
  bool exists = false;

  Line(const BlockSums &s, bool hasShift) {
    if (!hasShift) {
      exists = s.ee > 0;
      scale = exists ? s.ex / s.ee : 0;
    } else {
      double determinant = s.weight * s.ee - s.e * s.e;
      exists = determinant > 1e-12 * s.weight * s.ee;
      if (!exists)
        return;
      scale = (s.weight * s.ex - s.e * s.x) / determinant;
      shift = (s.x - scale * s.e) / s.weight;
    }
    error = s.xx - scale * s.ex - shift * s.x;
  }
};

/// The search for one block.
class Search {
public:
  Search(const Format &format, const BlockView &block)
      : format(format), block(block), lowest(lowestValue(format.element)),
        hasShift(format.offsetKind != OffsetKind::None) {}

  /// Clips the range by several factors. The codes of each determine a line
  /// through the values; the most promising one is tried, and its codes refine
  /// it once more.
  BlockRange run(const BlockRange &plain) {
    best = plain;
    consider(plain);
    BlockRange promising = plain;
    double least = std::numeric_limits<double>::infinity();
    for (float factor : factors) {
      Line line(consider({plain.scale * factor, plain.low * factor}), hasShift);
      if (line.exists && line.error < least && isUsable(line)) {
        least = line.error;
        promising = rangeOf(line);
      }
    }
    Line refined(consider(promising), hasShift);
    if (refined.exists && isUsable(refined))
      consider(rangeOf(refined));
    return best;
  }

private:
  // Clipping helps down to about two thirds. A power-of-two scale can only
  // double or halve, and the rounding rule may already have done one of them.
  static constexpr float factors[] = {2.0f,  1.06f, 1.03f, 0.97f, 0.94f,
                                      0.91f, 0.88f, 0.84f, 0.8f,  0.75f,
                                      0.7f,  0.65f, 0.5f};

  static bool isUsable(const Line &line) {
    return std::isfinite(float(line.scale)) && std::isfinite(float(line.shift));
  }

  BlockRange rangeOf(const Line &line) const {
    // Zero stays representable, as the format's own rule has it.
    double low = hasShift ? std::min(0.0, line.shift + line.scale * lowest) : 0;
    return {float(line.scale), float(low)};
  }

  BlockSums consider(BlockRange range) {
    BlockSums sums = evaluate(range);
    if (sums.error < bestError) {
      bestError = sums.error;
      best = range;
    }
    return sums;
  }

  /// The sums of the block coded with `range`. Scales and offsets that are
  /// plain elements are rounded as they will be stored.
  BlockSums evaluate(BlockRange &range) {
    if (!format.scale->isScaled())
      range.scale =
          decodeElement(v, format.scale->element,
                        encodeScale(v, format.scale->element, format.scaleRule,
                                    format.scale->codeRounding, range.scale));
    BlockCode code = {range.scale, inverseScale(v, range.scale), 0};
    if (format.offset) {
      code.offset =
          exactOffset(v, format, range.low, range.scale, code.inverse);
      if (!format.offset->isScaled())
        code.offset = decodeElement(v, format.offset->element,
                                    encodeElement(v, format.offset->element,
                                                  format.offset->codeRounding,
                                                  code.offset));
    }
    BlockSums sums;
    for (int64_t r = 0; r < block.rows; ++r)
      addBlockSums(format, code, block.values + r * block.stride, block.weights,
                   block.cols, sums);
    return sums;
  }

  const Format &format;
  const BlockView &block;
  const double lowest;
  const bool hasShift;
  ScalarValues v;
  BlockRange best;
  double bestError = std::numeric_limits<double>::infinity();
};
} // namespace

BlockRange numerics::searchRange(const Format &format, const BlockView &block,
                                 const BlockRange &plain) {
  return Search(format, block).run(plain);
}
