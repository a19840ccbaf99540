// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One register tile where the scales or offsets of blocks are integers.
//
// Over the blocks of a span, all exact:
//
//   partial = sum of dot * s        or one dot product of code * s
//   offsets = sum of offset * sum a
//
// and after it, in binary32, fused, with the span's scales d of each column and
// `inputScale` of each row:
//
//   y += offsets * (dOffset * -+ inputScale)
//   y += partial * (d * inputScale)

#include "DotProducts.h"
#include "MicroKernel.h"

#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

MicroKernel::Values MicroKernel::openSpan() {
  bool sumsOffsets = integerOffsets && !weights->hasOffsetPairs();
  return Values(rows * panels * (sumsOffsets ? 2 : 1), b.splat(0));
}

void MicroKernel::addOffsets(const Values &offset, const Values &inputSums,
                             MutableArrayRef<Value> sums) {
  b.inPart(kScalePart, [&] {
    for (int64_t m = 0; m < rows; ++m) {
      Value factor = offsetTotal(inputSums[m]);
      for (int64_t n = 0; n < panels; ++n) {
        Value &sum = sums[m * panels + n];
        sum = b.fusedMultiplyAdd(offset[n], factor, sum);
      }
    }
  });
}

MicroKernel::Values MicroKernel::offsetSums(const PanelChunk &first) {
  int64_t depth = walk.chunkDepth();
  int64_t bytes = ActivationRow::sumBytes(depth);
  Values dots(rows * panels, b.splatI32(0));
  VectorValues v(b);
  b.inPart(kScalePart, [&] {
    Value at = b.mul(b.div(walk.kOf(first), depth), bytes);
    at = b.add(at, spec.input.sumsOffset(depth));
    for (int64_t pair = 0; pair < walk.chunksOfSpan() / 2; ++pair) {
      Values offsets = weights->offsetPairs(first, pair);
      for (int64_t m = 0; m < rows; ++m) {
        Value word = b.load(b.getI32Type(),
                            b.offset(inputAddress(m, at), 2 * bytes * pair), 2);
        for (int64_t n = 0; n < panels; ++n) {
          Value &dot = dots[m * panels + n];
          dot = wordPairDot(b, dot, offsets[n], word);
        }
      }
    }
    for (Value &dot : dots)
      dot = v.toF32(dot);
  });
  return dots;
}

void MicroKernel::addScaled(Values &sums, ArrayRef<Value> partial,
                            const Values &scale, Value k, float unit) {
  VectorValues v(b);
  b.inPart(kScalePart, [&] {
    for (int64_t m = 0; m < rows; ++m) {
      Value input = inputScale(m, k);
      if (unit != 1)
        input = v.mulF(input, v.constF32(unit));
      for (int64_t n = 0; n < panels; ++n) {
        Value &sum = sums[m * panels + n];
        sum = b.fusedMultiplyAdd(partial[m * panels + n],
                                 b.mulF(scale[n], input), sum);
      }
    }
  });
}

MicroKernel::Values MicroKernel::closeSpan(Values sums, const Values &partial,
                                           const PanelChunk &first) {
  Value k = walk.kOf(first);
  ChunkScales scales;
  if (folded || integerOffsets)
    scales = weights->spanScales(first);
  if (integerOffsets) {
    Values offsets = weights->hasOffsetPairs()
                         ? offsetSums(first)
                         : Values(ArrayRef(partial).drop_front(rows * panels));
    addScaled(sums, offsets, scales.offset, k, offsetUnit());
  }
  if (!folded)
    return addSpan(sums, partial, k);
  addScaled(sums, ArrayRef(partial).take_front(rows * panels), scales.scale, k,
            /*unit=*/1);
  return sums;
}

MicroKernel::Values MicroKernel::accumulateFoldedSpan(const PanelChunk &span,
                                                      Values sums) {
  Value k = walk.kOf(span);
  Values dots = integerDots(span, {}, groupSums(k, 4 * span.steps));
  VectorValues v(b);
  for (Value &dot : dots)
    dot = v.toF32(dot);
  return closeSpan(sums, dots, span);
}
