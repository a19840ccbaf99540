// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Statistics of blocks, and the search for better scales.

#ifndef QUERN_LIB_NUMERICS_SCALESEARCH_H
#define QUERN_LIB_NUMERICS_SCALESEARCH_H

#include "quern/Base/Span.h"
#include "quern/Numerics/Format.h"

namespace quern::numerics {

/// A block of a matrix, and the weight of each of its columns (null: all one).
struct BlockView {
  const float *values = nullptr;
  int64_t stride = 0; ///< elements from one row to the next
  int64_t rows = 0;
  int64_t cols = 0;
  const float *weights = nullptr;
};

/// What determines the scale and offset of a block, before they are coded.
struct BlockRange {
  float scale = 0; ///< exact
  float low = 0;   ///< the value that the element's lowest value stands for
};

/// By the format's own rule; values must be finite.
BlockRange plainRange(const Format &format, const BlockView &block);

/// The best of a grid of ranges around `plain`, each refined by least squares.
BlockRange searchRange(const Format &format, const BlockView &block,
                       const BlockRange &plain);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_SCALESEARCH_H
