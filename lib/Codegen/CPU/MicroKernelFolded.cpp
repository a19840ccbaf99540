// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One register tile where the scales of blocks are integers.
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

#include "MicroKernel.h"

#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

MicroKernel::Values MicroKernel::openSpan() {
  bool hasOffsets = folded && spec.weight.offset;
  return Values(rows * panels * (hasOffsets ? 2 : 1), b.splat(0));
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

MicroKernel::Values MicroKernel::accumulateUnfolded(const PanelChunk &chunk,
                                                    const ChunkScales &scales,
                                                    Values partial) {
  Values inputSums = groupSums(walk.kOf(chunk), walk.chunkDepth());
  Values dots = integerDots(chunk, scales, inputSums);
  VectorValues v(b);
  b.inPart(kScalePart, [&] {
    for (int64_t i = 0; i < rows * panels; ++i)
      partial[i] = b.fusedMultiplyAdd(v.toF32(dots[i]),
                                      scales.scale[i % panels], partial[i]);
  });
  if (spec.weight.offset)
    addOffsets(scales.offset, inputSums,
               MutableArrayRef(partial).drop_front(rows * panels));
  return partial;
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

MicroKernel::Values MicroKernel::closeUnfolded(Values sums,
                                               const Values &partial,
                                               const PanelChunk &first) {
  ChunkScales scales = weights->spanScales(first);
  Value k = walk.kOf(first);
  if (spec.weight.offset)
    addScaled(sums, ArrayRef(partial).drop_front(rows * panels), scales.offset,
              k, offsetUnit());
  addScaled(sums, ArrayRef(partial).take_front(rows * panels), scales.scale, k,
            /*unit=*/1);
  return sums;
}

MicroKernel::Values MicroKernel::accumulateFoldedSpan(const PanelChunk &span,
                                                      Values sums) {
  ChunkScales scales = weights->spanScales(span);
  Value k = walk.kOf(span);
  if (spec.weight.offset) {
    Values zero(rows * panels, b.splat(0));
    Values offsets = walk.forBlocksOf(
        span, zero, [&](const PanelChunk &chunk, Values carried) {
          addOffsets(weights->scales(chunk).offset,
                     groupSums(walk.kOf(chunk), walk.chunkDepth()), carried);
          return carried;
        });
    addScaled(sums, offsets, scales.offset, k, offsetUnit());
  }
  Values dots = integerDots(span, scales, groupSums(k, 4 * span.steps));
  VectorValues v(b);
  for (Value &dot : dots)
    dot = v.toF32(dot);
  addScaled(sums, dots, scales.scale, k, /*unit=*/1);
  return sums;
}
