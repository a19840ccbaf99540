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
// weights, u - 128 goes in and the bias is 128 less. Then, in binary32, fused:
//
//   y += dot * (scale * inputScale)                                 no offset
//   y += dot * (scale * inputScale) -+ offset * (inputScale * sum a) min, add
//   y += (dot - offset * sum a) * (scale * inputScale)              zero

#include "DotProducts.h"
#include "MicroKernel.h"

#include "quern/Numerics/Decode.h"
#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

/// Steps of 4 K in a straight line of code before a loop takes over: enough to
/// hide the loop, few enough to compile fast.
static constexpr int64_t kUnrolledDotSteps = 8;

Value MicroKernel::inputGroup(const PanelChunk &chunk) {
  return b.div(walk.kOf(chunk), spec.input.group);
}

int MicroKernel::dotBias() const {
  return integer.bias - (dotTakesSigned(b.target, integer.bits) ? 128 : 0);
}

MicroKernel::Values MicroKernel::groupSums(const PanelChunk &chunk) {
  Values sums;
  Type i32 = b.getI32Type();
  Value k = walk.kOf(chunk);
  for (int64_t m = 0; m < rows; ++m) {
    if (walk.chunkDepth() == spec.input.group) {
      Value address = inputAddress(m, b.mul(inputGroup(chunk), 4));
      sums.push_back(
          b.load(i32, b.offset(address, spec.input.sumsOffset()), 4));
      continue;
    }
    // The scale of the weight changes within a group of activations.
    Value sum = b.splatI32(0);
    for (int64_t step = 0; step < walk.chunkDepth() / 4; ++step) {
      Value word = b.load(i32, b.offset(inputAddress(m, k), 4 * step), 4);
      sum = byteDot(b, sum, b.splatI32(0x01010101), /*weightBits=*/1, word);
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
  return walk.forSteps(
      chunk, kUnrolledDotSteps, dots,
      [&](const PanelChunk &part, int64_t steps, Values partDots) {
        for (int64_t step = 0; step < steps; ++step)
          dotStep(part, scales, step, partDots);
        return partDots;
      });
}

void MicroKernel::dotStep(const PanelChunk &chunk, const ChunkScales &scales,
                          int64_t step, Values &dots) {
  Value k = walk.kOf(chunk);
  Values bytes;
  for (int64_t n = 0; n < panels; ++n)
    bytes.append(weights->operands(chunk, scales, n, step));
  for (int64_t m = 0; m < rows; ++m) {
    Value word =
        b.load(b.getI32Type(), b.offset(inputAddress(m, k), 4 * step), 4);
    for (int64_t n = 0; n < panels; ++n) {
      Value &dot = dots[m * panels + n];
      dot = byteDot(b, dot, bytes[n], integer.bits, word);
    }
  }
}

MicroKernel::RowInput MicroKernel::rowInput(const PanelChunk &chunk,
                                            int64_t row, Value inputSum) {
  VectorValues v(b);
  Value address = inputAddress(row, b.mul(inputGroup(chunk), 4));
  Value scale =
      b.broadcast(b.loadF32(b.offset(address, spec.input.scalesOffset())));
  bool isVector = isa<VectorType>(inputSum.getType());
  auto total = [&] {
    return v.toF32(isVector ? inputSum : b.broadcast(inputSum));
  };
  RowInput result;
  switch (spec.weight.offsetKind) {
  case OffsetKind::None:
    break;
  case OffsetKind::Min:
  case OffsetKind::Add:
  case OffsetKind::Mean:
    result.total = v.mulF(scale, total());
    break;
  case OffsetKind::Zero: // in units of the dot product
    result.total =
        v.mulF(total(), v.constF32(-std::ldexp(1.0f, integer.shift)));
    break;
  }
  result.scale = scale;
  if (integer.shift != 0)
    result.scale = v.mulF(scale, v.constF32(std::ldexp(1.0f, -integer.shift)));
  return result;
}

Value MicroKernel::scaledSum(Value sum, Value dot, Value scale, Value offset,
                             const RowInput &input) {
  VectorValues v(b);
  OffsetKind kind = spec.weight.offsetKind;
  Value value = v.toF32(dot);
  if (kind == OffsetKind::Zero)
    value = b.fusedMultiplyAdd(offset, input.total, value);
  Value both = scale ? v.mulF(scale, input.scale) : input.scale;
  sum = b.fusedMultiplyAdd(value, both, sum);
  if (kind == OffsetKind::Min)
    offset = arith::NegFOp::create(b, offset);
  if (kind == OffsetKind::Min || kind == OffsetKind::Add ||
      kind == OffsetKind::Mean)
    sum = b.fusedMultiplyAdd(offset, input.total, sum);
  return sum;
}

MicroKernel::Values MicroKernel::accumulateInteger(const PanelChunk &chunk,
                                                   const ChunkScales &scales,
                                                   Values sums) {
  Values inputSums = groupSums(chunk);
  Values dots = integerDots(chunk, scales, inputSums);
  b.inPart(kScalePart, [&] {
    for (int64_t m = 0; m < rows; ++m) {
      RowInput input = rowInput(chunk, m, inputSums[m]);
      for (int64_t n = 0; n < panels; ++n) {
        Value &sum = sums[m * panels + n];
        sum = scaledSum(sum, dots[m * panels + n], scales.scale[n],
                        scales.offset[n], input);
      }
    }
  });
  return sums;
}
