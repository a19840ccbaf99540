// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One register tile with int8 activations: exact byte dot products.
//
// For a group of K with weight codes u = value + bias (unsigned) and
// activation codes a (signed),
//
//   sum value * a = sum u * a - bias * sum a
//
// The last sum is known per row and group, so that the integer dot product
// starts at -bias * sum a and ends exact. Where the instruction takes signed
// weights, u - 128 goes in and the bias is 128 less. Then, in binary32, fused,
// over the chunks of a span, in which the scale of activations is constant:
//
//   partial += dot * scale                                        no offset
//   partial += dot * scale, then -+ offset * sum a                min, add
//   partial += (dot - offset * sum a) * scale                     zero
//
// and after it
//
//   y += partial * inputScale
//
// Where scales or offsets are integers: MicroKernelFolded.cpp.

#include "MicroKernel.h"
#include "RowSums.h"

#include "quern/Numerics/Decode.h"
#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

/// Steps of 4 K in a straight line of code before a loop takes over: enough to
/// hide the loop, few enough to compile fast.
static constexpr int64_t kUnrolledDotSteps = 8;

int MicroKernel::dotBias() const {
  if (form == StepForm::Words)
    return wordBias(integer);
  if (!dotTakesSigned(b.target, integer.planeBits()))
    return integer.bias;
  return integer.bias - (integer.planes() == 1 ? 128 : 128 * 256 + 128);
}

MicroKernel::Values MicroKernel::groupSums(Value k, int64_t depth) {
  Values sums;
  for (int64_t m = 0; m < rows; ++m) {
    if (spec.input.hasSums(depth)) {
      Value before = b.mul(b.div(k, depth), ActivationRow::sumBytes(depth));
      Value address =
          b.offset(inputAddress(m, before), spec.input.sumsOffset(depth));
      sums.push_back(loadRowSum(b, address, depth));
      continue;
    }
    // Blocks of the weight of which rows have no sums.
    Value sum = b.splatI32(0);
    for (int64_t step = 0; step < depth / 4; ++step) {
      sum = byteDot(b, sum, b.splatI32(0x01010101), /*weightBits=*/1,
                    inputWord(m, k, step));
    }
    sums.push_back(sum);
  }
  return sums;
}

Value MicroKernel::dotStart(Value inputSum) {
  int bias = dotBias();
  if (bias == 0)
    return b.splatI32(0);
  VectorValues v(b, /*scalar=*/!isa<VectorType>(inputSum.getType()));
  Value start = v.mulI(inputSum, v.constI32(-bias));
  return isa<VectorType>(start.getType()) ? start : b.broadcast(start);
}

MicroKernel::Values MicroKernel::integerDots(const PanelChunk &chunk,
                                             const ChunkScales &scales,
                                             const Values &inputSums) {
  if (usesTiles())
    return tileDots(chunk, scales, inputSums);
  Values dots;
  for (Value sum : inputSums)
    dots.append(panels, dotStart(sum));
  bool hasPlanes = form == StepForm::BytePlanes;
  if (hasPlanes)
    dots.append(dots.size(), b.splatI32(0));
  dots = walk.forSteps(
      chunk, kUnrolledDotSteps, dots,
      [&](const PanelChunk &part, int64_t steps, Values partDots) {
        dotSteps(part, scales, steps, partDots);
        return partDots;
      });
  return hasPlanes ? joinPlanes(dots) : dots;
}

MicroKernel::Values MicroKernel::joinPlanes(const Values &dots) {
  VectorValues v(b);
  Values joined;
  size_t count = dots.size() / 2;
  for (size_t i = 0; i < count; ++i)
    joined.push_back(v.addI(dots[i], v.shiftLeft(dots[count + i], 8)));
  return joined;
}

void MicroKernel::dotSteps(const PanelChunk &chunk, const ChunkScales &scales,
                           int64_t steps, Values &dots) {
  int64_t inWords = wordSumSteps(b.target, integer.planeBits());
  if (form == StepForm::Bytes && inWords > 0) {
    for (int64_t begin = 0; begin < steps; begin += inWords)
      addRun(chunk, scales, begin, std::min(steps, begin + inWords), dots);
    return;
  }
  for (int64_t step = 0; step < steps; ++step)
    dotStep(chunk, scales, step, dots);
}

void MicroKernel::addRun(const PanelChunk &chunk, const ChunkScales &scales,
                         int64_t begin, int64_t end, Values &dots) {
  Value k = walk.kOf(chunk);
  Values sums(dots.size());
  for (int64_t step = begin; step < end; ++step) {
    for (int64_t n = 0; n < panels; ++n) {
      Value plane = weights->operands(chunk, scales, n, step).back();
      for (int64_t m = 0; m < rows; ++m) {
        Value &sum = sums[m * panels + n];
        sum = addBytePairs(b, sum, plane, inputWord(m, k, step));
      }
    }
    if (rows == b.target.integerTileRows)
      fixSums(b, sums);
  }
  for (auto [dot, sum] : llvm::zip_equal(dots, sums))
    dot = addWordSums(b, dot, sum);
}

Value MicroKernel::inputWord(int64_t row, Value k, int64_t step) {
  return b.load(b.getI32Type(), b.offset(inputAddress(row, k), 4 * step), 4);
}

void MicroKernel::dotStep(const PanelChunk &chunk, const ChunkScales &scales,
                          int64_t step, Values &dots) {
  Value k = walk.kOf(chunk);
  SmallVector<Values> weightsOf;
  for (int64_t n = 0; n < panels; ++n)
    weightsOf.push_back(weights->operands(chunk, scales, n, step));
  for (int64_t m = 0; m < rows; ++m) {
    Value word = inputWord(m, k, step);
    for (int64_t n = 0; n < panels; ++n) {
      auto add = [&](Value &dot, Value plane) {
        dot = byteDot(b, dot, plane, integer.planeBits(), word);
      };
      Value &dot = dots[m * panels + n];
      if (form == StepForm::Words) {
        dot = wordDot(b, dot, weightsOf[n], word);
        continue;
      }
      if (form == StepForm::BytePlanes)
        add(dots[(rows + m) * panels + n], weightsOf[n].front());
      add(dot, weightsOf[n].back());
    }
  }
  if (form == StepForm::Bytes && b.target.byteDot == ByteDot::Avx2 &&
      rows == b.target.integerTileRows)
    fixSums(b, dots);
}

float MicroKernel::offsetUnit() const {
  float unit = std::ldexp(1.0f, integer.shift);
  bool isTakenOff = spec.weight.offsetKind == OffsetKind::Zero ||
                    spec.weight.offsetKind == OffsetKind::Min;
  return isTakenOff ? -unit : unit;
}

Value MicroKernel::offsetTotal(Value inputSum) {
  bool isVector = isa<VectorType>(inputSum.getType());
  return VectorValues(b).toF32(isVector ? inputSum : b.broadcast(inputSum));
}

Value MicroKernel::offsetFactor(Value inputSum) {
  if (spec.weight.offsetKind == OffsetKind::None || integerOffsets)
    return {};
  Value total = offsetTotal(inputSum);
  float unit = offsetUnit();
  VectorValues v(b);
  return unit == 1 ? total : v.mulF(total, v.constF32(unit));
}

Value MicroKernel::scaledSum(Value sum, Value dot, Value scale, Value offset,
                             Value factor) {
  VectorValues v(b);
  Value value = v.toF32(dot);
  bool isZero = spec.weight.offsetKind == OffsetKind::Zero;
  if (isZero)
    value = b.fusedMultiplyAdd(offset, factor, value);
  sum = scale ? b.fusedMultiplyAdd(value, scale, sum) : v.addF(value, sum);
  return factor && !isZero ? b.fusedMultiplyAdd(offset, factor, sum) : sum;
}

MicroKernel::Values MicroKernel::accumulateInteger(const PanelChunk &chunk,
                                                   const ChunkScales &scales,
                                                   Values sums) {
  Values inputSums = groupSums(walk.kOf(chunk), walk.chunkDepth());
  Values dots = integerDots(chunk, scales, inputSums);
  b.inPart(kScalePart, [&] {
    for (int64_t m = 0; m < rows; ++m) {
      Value factor = offsetFactor(inputSums[m]);
      for (int64_t n = 0; n < panels; ++n) {
        Value &sum = sums[m * panels + n];
        sum = scaledSum(sum, dots[m * panels + n], scales.scale[n],
                        scales.offset[n], factor);
      }
    }
  });
  if (integerOffsets && !weights->hasOffsetPairs())
    addOffsets(scales.offset, inputSums,
               MutableArrayRef(sums).drop_front(rows * panels));
  return sums;
}

Value MicroKernel::inputScale(int64_t row, Value k) {
  VectorValues v(b);
  Value address = inputAddress(row, b.mul(b.div(k, spec.input.group), 4));
  Value scale =
      b.broadcast(b.loadF32(b.offset(address, spec.input.scalesOffset())));
  if (integer.shift == 0)
    return scale;
  return v.mulF(scale, v.constF32(std::ldexp(1.0f, -integer.shift)));
}

MicroKernel::Values MicroKernel::addSpan(Values sums, const Values &partial,
                                         Value k) {
  b.inPart(kScalePart, [&] {
    for (int64_t m = 0; m < rows; ++m) {
      Value scale = inputScale(m, k);
      for (int64_t n = 0; n < panels; ++n) {
        Value &sum = sums[m * panels + n];
        sum = b.fusedMultiplyAdd(partial[m * panels + n], scale, sum);
      }
    }
  });
  return sums;
}
