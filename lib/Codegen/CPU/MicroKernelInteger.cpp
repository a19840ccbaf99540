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
// starts at -bias * sum a and ends exact. Then, in binary32, fused:
//
//   y += dot * (scale * inputScale)                                 no offset
//   y += dot * (scale * inputScale) -+ offset * (inputScale * sum a) min, add
//   y += (dot - offset * sum a) * (scale * inputScale)              zero

#include "MicroKernel.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Numerics/Decode.h"
#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

/// Steps of 4 K in a straight line of code before a loop takes over: enough to
/// hide the loop, few enough to compile fast.
static constexpr int64_t kUnrolledDotSteps = 8;

Value MicroKernel::inputGroup(const Chunk &chunk) {
  return b.div(kOf(chunk), spec.input.group);
}

/// Bytes [begin, begin + lanes) of a vector of bytes.
static Value bytesOf(KernelBuilder &b, Value vector, int64_t begin,
                     int64_t lanes) {
  return vector::ExtractStridedSliceOp::create(
      b, vector, ArrayRef<int64_t>{begin}, ArrayRef<int64_t>{lanes},
      ArrayRef<int64_t>{1});
}

/// A byte table of 16 entries, repeated to `lanes` bytes.
static Value byteTable(KernelBuilder &b, const IntegerElement &element,
                       int64_t lanes) {
  SmallVector<int8_t> bytes;
  for (int64_t i = 0; i < lanes; ++i)
    bytes.push_back(
        int8_t(element.values[i % 16 % element.values.size()] + element.bias));
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(b.vectorOf(b.getI8Type(), lanes),
                                ArrayRef(bytes)));
}

Value MicroKernel::tableBytes(Value codes) {
  VectorValues v(b);
  auto bytes = b.vectorOf(b.getI8Type(), 64);
  bool shuffles = b.target.byteDot != ByteDot::Widen;
  if (shuffles && integer.values.size() <= 16) {
    Value index = vector::BitCastOp::create(b, bytes, codes);
    Value found;
    if (b.target.byteDot == ByteDot::Vnni512) {
      found = b.intrinsic("llvm.x86.avx512.pshuf.b.512", bytes,
                          {byteTable(b, integer, 64), index});
    } else {
      auto half = b.vectorOf(b.getI8Type(), 32);
      SmallVector<Value> parts;
      for (int64_t begin : {0, 32})
        parts.push_back(b.intrinsic(
            "llvm.x86.avx2.pshuf.b", half,
            {byteTable(b, integer, 32), bytesOf(b, index, begin, 32)}));
      found = vector::ShuffleOp::create(
          b, parts[0], parts[1], llvm::to_vector(llvm::seq<int64_t>(0, 64)));
    }
    return vector::BitCastOp::create(b, codes.getType(), found);
  }
  // Byte by byte, by the element's own definition.
  Value result;
  float unit = std::ldexp(1.0f, integer.shift);
  for (unsigned k = 0; k < 4; ++k) {
    Value code = v.andI(v.shiftRightLogical(codes, 8 * k), v.constI32(0xff));
    Value value = decodeElement(v, spec.weight.element, code);
    value = v.roundToI32(v.mulF(value, v.constF32(unit)));
    value = v.addI(value, v.constI32(integer.bias));
    value = v.shiftLeft(value, 8 * k);
    result = result ? v.orI(result, value) : value;
  }
  return result;
}

Value MicroKernel::weightBytes(const Chunk &chunk, int64_t panel,
                               int64_t step) {
  PanelStep at = panelStep(chunk, panel, step);
  if (spec.weight.element.isComposite())
    return reader.compositeBytes(at, integer.values, integer.bias);
  Value codes = reader.codeBytes(at.tileAddress, at.lane, at.field);
  if (!integer.values.empty())
    return tableBytes(codes);
  if (integer.bias == 0 || shape.codesFlipped)
    return codes;
  // Two's complement in the file: make it offset binary, byte by byte.
  VectorValues v(b);
  uint32_t top = 1u << (shape.codeBits - 1);
  return v.xorI(codes, v.constI32(int32_t(top * 0x01010101u)));
}

Value MicroKernel::byteDotAvx2(Value sum, Value unsignedBytes,
                               Value signedWord) {
  VectorValues v(b);
  auto bytes = b.vectorOf(b.getI8Type(), 32);
  auto shorts = b.vectorOf(b.getI16Type(), 16);
  auto words = b.vectorOf(b.getI32Type(), 8);
  Value input = vector::BitCastOp::create(
      b, bytes, vector::BroadcastOp::create(b, words, signedWord));
  Value ones =
      arith::ConstantOp::create(b, DenseElementsAttr::get(shorts, int16_t(1)));
  auto dot = [&](Value weights) {
    Value wide =
        vector::BitCastOp::create(b, b.vectorOf(b.getI8Type(), 64), weights);
    SmallVector<Value> parts;
    for (int64_t begin : {0, 32}) {
      Value pairs = b.intrinsic("llvm.x86.avx2.pmadd.ub.sw", shorts,
                                {bytesOf(b, wide, begin, 32), input});
      parts.push_back(
          b.intrinsic("llvm.x86.avx2.pmadd.wd", words, {pairs, ones}));
    }
    return vector::ShuffleOp::create(
               b, parts[0], parts[1],
               llvm::to_vector(llvm::seq<int64_t>(0, kLanes)))
        .getResult();
  };
  // vpmaddubsw saturates at 16 bits: two products of 127 * 127 fit, of
  // 255 * 127 do not. Eight-bit weights go in as two nibbles.
  if (integer.bits <= 7)
    return v.addI(sum, dot(unsignedBytes));
  Value mask = v.constI32(0x0f0f0f0f);
  Value low = dot(v.andI(unsignedBytes, mask));
  Value high = dot(v.andI(v.shiftRightLogical(unsignedBytes, 4), mask));
  return v.addI(sum, v.addI(low, v.shiftLeft(high, 4)));
}

Value MicroKernel::byteDotWiden(Value sum, Value unsignedBytes,
                                Value signedWord) {
  VectorValues v(b);
  Value input = b.broadcast(signedWord);
  for (unsigned k = 0; k < 4; ++k) {
    Value w =
        v.andI(v.shiftRightLogical(unsignedBytes, 8 * k), v.constI32(0xff));
    Value a = v.shiftRightArithmetic(v.shiftLeft(input, 24 - 8 * k), 24);
    sum = v.addI(sum, v.mulI(w, a));
  }
  return sum;
}

Value MicroKernel::byteDot(Value sum, Value unsignedBytes, Value signedWord) {
  switch (b.target.byteDot) {
  case ByteDot::Vnni512: {
    auto bytes = b.vectorOf(b.getI8Type(), 64);
    return b.intrinsic(
        "llvm.x86.avx512.vpdpbusd.512", sum.getType(),
        {sum, vector::BitCastOp::create(b, bytes, unsignedBytes),
         vector::BitCastOp::create(b, bytes, b.broadcast(signedWord))});
  }
  case ByteDot::Avx2:
    return byteDotAvx2(sum, unsignedBytes, signedWord);
  case ByteDot::Widen:
    break;
  }
  return byteDotWiden(sum, unsignedBytes, signedWord);
}

MicroKernel::Values MicroKernel::groupSums(const Chunk &chunk) {
  Values sums;
  Type i32 = b.getI32Type();
  Value k = kOf(chunk);
  for (int64_t m = 0; m < rows; ++m) {
    if (chunkDepth() == spec.input.group) {
      Value address = inputAddress(m, b.mul(inputGroup(chunk), 4));
      sums.push_back(
          b.load(i32, b.offset(address, spec.input.sumsOffset()), 4));
      continue;
    }
    // The scale of the weight changes within a group of activations.
    Value sum = b.splatI32(0);
    for (int64_t step = 0; step < chunkDepth() / 4; ++step) {
      Value word = b.load(i32, b.offset(inputAddress(m, k), 4 * step), 4);
      sum = byteDot(sum, b.splatI32(0x01010101), word);
    }
    sums.push_back(sum);
  }
  return sums;
}

Value MicroKernel::dotStart(Value inputSum) {
  if (integer.bias == 0)
    return b.splatI32(0);
  VectorValues v(b, /*scalar=*/!isa<VectorType>(inputSum.getType()));
  Value start = v.mulI(inputSum, v.constI32(-integer.bias));
  return isa<VectorType>(start.getType()) ? start : b.broadcast(start);
}

MicroKernel::Values MicroKernel::integerDots(const Chunk &chunk,
                                             const Values &inputSums) {
  Values dots;
  for (Value sum : inputSums)
    dots.append(panels, dotStart(sum));
  return forSteps(chunk, kUnrolledDotSteps, dots,
                  [&](const Chunk &part, int64_t steps, Values partDots) {
                    for (int64_t step = 0; step < steps; ++step)
                      dotStep(part, step, partDots);
                    return partDots;
                  });
}

void MicroKernel::dotStep(const Chunk &chunk, int64_t step, Values &dots) {
  Value k = kOf(chunk);
  Values weights;
  for (int64_t n = 0; n < panels; ++n)
    weights.push_back(weightBytes(chunk, n, step));
  for (int64_t m = 0; m < rows; ++m) {
    Value word =
        b.load(b.getI32Type(), b.offset(inputAddress(m, k), 4 * step), 4);
    for (int64_t n = 0; n < panels; ++n) {
      Value &dot = dots[m * panels + n];
      dot = byteDot(dot, weights[n], word);
    }
  }
}

MicroKernel::RowInput MicroKernel::rowInput(const Chunk &chunk, int64_t row,
                                            Value inputSum) {
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

MicroKernel::Values MicroKernel::accumulateInteger(const Chunk &chunk,
                                                   const Scales &scales,
                                                   Values sums) {
  Values inputSums = groupSums(chunk);
  Values dots = integerDots(chunk, inputSums);
  for (int64_t m = 0; m < rows; ++m) {
    RowInput input = rowInput(chunk, m, inputSums[m]);
    for (int64_t n = 0; n < panels; ++n) {
      Value &sum = sums[m * panels + n];
      sum = scaledSum(sum, dots[m * panels + n], scales.scale[n],
                      scales.offset[n], input);
    }
  }
  return sums;
}
