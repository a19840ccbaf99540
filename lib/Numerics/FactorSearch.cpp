// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The rule with larger and smaller scales, block by block.

#include "FactorSearch.h"
#include "BestBlocks.h"
#include "TreeCodec.h"

using namespace quern;
using namespace quern::numerics;

/// The first is the rule itself, so that nothing gets worse.
static constexpr double kFactors[] = {1,    0.95, 0.9,  0.85, 0.8,
                                      0.75, 0.7,  0.65, 1.05};

void numerics::searchFactors(const LaneKernels &kernels, const Format &format,
                             const MatrixView &matrix,
                             const WeightView &weights, CodedTensor &out,
                             int32_t *codes) {
  BestBlocks best(kernels, format, matrix, weights);
  for (double factor : kFactors) {
    Format scaled = format;
    scaled.scaleRule.divisor /= factor;
    CodedTensor next;
    int32_t *found = addCodePlane(format, matrix, next);
    encodeTree(kernels, scaled, nullptr, "", matrix, next, found);
    best.consider(next);
  }
  takePlanes(best.best, out, codes);
}
