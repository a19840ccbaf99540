// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Repeating scales until their blocks end with the rows.

#include "quern/Numerics/AlignBlocks.h"
#include "quern/Numerics/Transcode.h"
#include <algorithm>
#include <numeric>

using namespace quern;
using namespace quern::numerics;

namespace {
/// What an element of a level stands for: a run of the tensor taken as one
/// row, and the part of it that lies in one row of the tensor. 0: all.
struct Runs {
  int64_t flat;
  int64_t inRow;

  Runs below(int64_t block, int64_t cols) const {
    int64_t run = flat * block;
    return {run, run == 0 ? 0 : std::gcd(run, cols)};
  }
  /// The block, in elements of this level, of the level `below`.
  BlockShape blockTo(Runs below) const {
    if (below.flat == 0)
      return {0, 0};
    return {1, below.inRow / inRow};
  }
};
} // namespace

static Format aligned(const Format &format, Runs runs, int64_t cols) {
  Format result = format;
  result.isFlat = false;
  if (!format.isScaled())
    return result;
  Runs scales = runs.below(format.block.cols, cols);
  result.block = runs.blockTo(scales);
  result.scale =
      std::make_shared<const Format>(aligned(*format.scale, scales, cols));
  if (!format.offset)
    return result;
  Runs offsets = runs.below(format.offsetBlock.cols, cols);
  result.offsetBlock = runs.blockTo(offsets);
  result.offset =
      std::make_shared<const Format>(aligned(*format.offset, offsets, cols));
  return result;
}

Format numerics::alignedFormat(const Format &format, int64_t cols) {
  return format.isFlat ? aligned(format, {1, 1}, cols) : format;
}

int64_t numerics::leastBlockCols(const Format &format) {
  int64_t scale = format.block.cols;
  int64_t offset = format.offset ? format.offsetBlock.cols : 0;
  return scale == 0 || offset == 0 ? std::max(scale, offset)
                                   : std::min(scale, offset);
}

Result<CodedTensor> numerics::alignCodes(const Format &flat,
                                         const Format &aligned,
                                         const CodedTensor &coded) {
  return transcodeCodes(classifyTranscoding(flat, aligned), flat, aligned,
                        coded);
}
