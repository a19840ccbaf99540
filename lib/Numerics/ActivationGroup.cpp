// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which activations of an integer product share a scale.

#include "quern/Numerics/ActivationGroup.h"

#include "quern/Numerics/AlignBlocks.h"
#include "quern/Numerics/IntegerElement.h"
#include <numeric>

using namespace quern;
using namespace quern::numerics;

/// Most columns to a scale.
static constexpr int64_t kMostColumns = 128;

int64_t numerics::activationGroup(const Format &weight, int64_t width) {
  Format aligned = alignedFormat(weight, width);
  int64_t block = aligned.isScaled() ? aligned.block.cols : 0;
  // An integer product reads four columns at a time.
  if (!allowsIntegerProducts(aligned) ||
      (aligned.isScaled() && leastBlockCols(aligned) % 4 != 0))
    return 0;
  int64_t group = std::gcd(kMostColumns, width);
  if (block > 0 && block <= kMostColumns && group % block != 0)
    group = block;
  return group % 4 == 0 ? group : 0;
}
