// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Integers of 16 bits of small floats, by the conversion of binary16.
//
// The fields of a float of at most 8 bits lie in those of binary16 when the
// exponent is no longer: sign to sign, the rest above the missing bits of the
// mantissa. The number is then 2^(bias - 15) times what the code stands for,
// subnormal or not. Tables of more than 16 entries would take a look-up and a
// choice for each 16 of them.

#include "FloatWords.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Numerics/Decode.h"
#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

static constexpr int kHalfExponentBits = 5, kHalfMantissaBits = 10;
static constexpr int kHalfBias = 15;
static constexpr int64_t kWords = 2 * kLanes;

namespace {
class FloatWords {
public:
  FloatWords(KernelBuilder &builder, const numerics::FloatType &type,
             const IntegerElement &integer)
      : b(builder), type(type), words(builder.vectorOf(b.getI16Type(), kWords)),
        unit(std::ldexp(1.0f, integer.shift + kHalfBias - type.bias)) {}

  /// The integers of 32 codes in the upper bits of `words`.
  Value integers(Value aligned) {
    Value bits = halfBits(aligned);
    Value result;
    for (int64_t begin = 0; begin < kWords; begin += kLanes) {
      Value part = roundHalf(slice(bits, begin, kLanes));
      result = result ? join(result, part) : part;
    }
    return vector::BitCastOp::create(b, b.vectorOf(b.getI32Type()), result);
  }

private:
  Value constant(int x) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(words, int16_t(uint16_t(x))));
  }
  Value slice(Value vector, int64_t begin, int64_t lanes) {
    return vector::ExtractStridedSliceOp::create(
        b, vector, ArrayRef<int64_t>{begin}, ArrayRef<int64_t>{lanes},
        ArrayRef<int64_t>{1});
  }
  Value join(Value low, Value high) {
    SmallVector<int64_t> order(kWords);
    for (int64_t i = 0; i < kWords; ++i)
      order[i] = i;
    return vector::ShuffleOp::create(b, low, high, order);
  }
  /// The code with all bits of the magnitude set at their places in binary16.
  int magnitudeBits(int code) const {
    return code << (kHalfMantissaBits - int(type.mantissaBits));
  }
  Value halfBits(Value aligned);
  Value roundHalf(Value bits);

  KernelBuilder &b;
  const numerics::FloatType &type;
  VectorType words;
  float unit;
};
} // namespace

/// The largest code of a magnitude that is a finite number.
static int largestFinite(const numerics::FloatType &type) {
  int all = (1 << (type.bits() - 1)) - 1;
  switch (type.special) {
  case numerics::FloatType::Special::Ieee:
    return all - (1 << type.mantissaBits);
  case numerics::FloatType::Special::NanOnly:
    return all - 1;
  case numerics::FloatType::Special::FiniteOnly:
  case numerics::FloatType::Special::NegZeroIsNan: // minus zero is 0 here
                                                   // anyway
    break;
  }
  return all;
}

/// Fields moved to those of binary16; what is no finite number becomes 0.
Value FloatWords::halfBits(Value aligned) {
  int all = (1 << (type.bits() - 1)) - 1;
  Value bits = aligned;
  if (int shift = kHalfExponentBits - int(type.exponentBits))
    bits = arith::ShRSIOp::create(b, bits, constant(shift));
  bits = arith::AndIOp::create(b, bits, constant(0x8000 | magnitudeBits(all)));
  int largest = largestFinite(type);
  if (largest == all)
    return bits;
  Value magnitude = arith::AndIOp::create(b, bits, constant(0x7fff));
  Value isFinite =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sle, magnitude,
                            constant(magnitudeBits(largest)));
  return arith::SelectOp::create(b, isFinite, bits, constant(0));
}

/// 16 numbers of binary16, times `unit`, as the nearest words, ties to even.
Value FloatWords::roundHalf(Value bits) {
  Value half = vector::BitCastOp::create(b, b.vectorOf(b.getF16Type()), bits);
  Value scaled =
      b.mulF(arith::ExtFOp::create(b, b.vectorOf(b.getF32Type()), half),
             arith::ConstantOp::create(
                 b, DenseElementsAttr::get(b.vectorOf(b.getF32Type()), unit)));
  constexpr int64_t kHalf = kLanes / 2;
  SmallVector<Value> parts;
  for (int64_t begin : {int64_t(0), kHalf})
    parts.push_back(b.intrinsic("llvm.x86.avx.cvt.ps2dq.256",
                                b.vectorOf(b.getI32Type(), kHalf),
                                {slice(scaled, begin, kHalf)}));
  Value packed =
      b.intrinsic("llvm.x86.avx2.packssdw", b.vectorOf(b.getI16Type()), parts);
  // It packs each half of a register apart.
  return vector::ShuffleOp::create(
      b, packed, packed,
      ArrayRef<int64_t>{0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15});
}

SmallVector<Value> codegen::floatWords(KernelBuilder &b,
                                       const numerics::FloatType &type,
                                       const IntegerElement &integer,
                                       Value codes) {
  auto words = b.vectorOf(b.getI16Type(), kWords);
  Value odd = vector::BitCastOp::create(b, words, codes);
  auto shiftLeft = [&](Value x, int n) -> Value {
    Value by =
        arith::ConstantOp::create(b, DenseElementsAttr::get(words, int16_t(n)));
    return n == 0 ? x : arith::ShLIOp::create(b, x, by).getResult();
  };
  int unused = 8 - int(type.bits());
  FloatWords floats(b, type, integer);
  return {floats.integers(shiftLeft(odd, 8 + unused)),
          floats.integers(shiftLeft(odd, unused))};
}
