// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Tables of up to 256 integers, held in registers as words of 16 bits.
//
// AVX-512 without VBMI has no look-up of more than 16 bytes, but vpermi2w finds
// words among 64. So the even and the odd bytes of 64 codes are looked up
// apart, each as 32 words whose upper bits the instruction ignores.

#include "WordTable.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

static constexpr int64_t kWords = 2 * kLanes;

namespace {
/// Operations on 32 words.
class Words {
public:
  explicit Words(KernelBuilder &builder)
      : b(builder), type(builder.vectorOf(builder.getI16Type(), kWords)) {}

  Value of(Value lanes) { return vector::BitCastOp::create(b, type, lanes); }
  Value toLanes(Value words) {
    return vector::BitCastOp::create(b, b.vectorOf(b.getI32Type()), words);
  }
  Value constant(int x) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, int16_t(uint16_t(x))));
  }
  Value shiftLeft(Value x, int n) {
    return arith::ShLIOp::create(b, x, constant(n));
  }
  Value shiftRight(Value x, int n) {
    return arith::ShRUIOp::create(b, x, constant(n));
  }
  Value add(Value x, int y) { return arith::AddIOp::create(b, x, constant(y)); }
  Value negate(Value x) { return arith::SubIOp::create(b, constant(0), x); }
  /// The bits of `high` where `mask` has ones, else those of `low`.
  Value merge(Value high, int mask, Value low) {
    Value upper = arith::AndIOp::create(b, high, constant(mask));
    Value lower = arith::AndIOp::create(b, low, constant(~mask));
    return arith::OrIOp::create(b, upper, lower);
  }
  /// `yes` where `x` has a one at `bit`, else `no`.
  Value select(Value x, int bit, Value yes, Value no) {
    Value masked = arith::AndIOp::create(b, x, constant(bit));
    Value isSet =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked, constant(0));
    return arith::SelectOp::create(b, isSet, yes, no);
  }
  /// table[index modulo its size], of 32 or 64 entries.
  Value lookup(ArrayRef<int> table, Value index) {
    if (table.size() <= kWords)
      return b.intrinsic("llvm.x86.avx512.permvar.hi.512", type,
                         {entries(table), index});
    return b.intrinsic("llvm.x86.avx512.vpermi2var.hi.512", type,
                       {entries(table.take_front(kWords)), index,
                        entries(table.drop_front(kWords))});
  }

private:
  Value entries(ArrayRef<int> table) {
    SmallVector<int16_t> words;
    for (int entry : table)
      words.push_back(int16_t(uint16_t(entry)));
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, ArrayRef(words)));
  }

  KernelBuilder &b;
  VectorType type;
};
} // namespace

/// table[index modulo its size].
static Value lookup(Words &w, ArrayRef<int> table, Value index) {
  if (table.size() <= 2 * kWords)
    return w.lookup(table, index);
  size_t half = table.size() / 2;
  return w.select(index, int(half), lookup(w, table.drop_front(half), index),
                  lookup(w, table.take_front(half), index));
}

/// Whether the codes of the upper half stand for the negatives of the lower
/// one's, as those of floats do.
static bool hasSignBit(ArrayRef<int> values) {
  size_t half = values.size() / 2;
  for (size_t i = 0; i < half; ++i)
    if (values[i] != -values[half + i])
      return false;
  return true;
}

/// The integers plus bias of 32 codes in the low bytes of `index`.
static Value integers(Words &w, ArrayRef<int> values, int bias, Value index) {
  bool isLong = values.size() > 4 * kWords;
  if (isLong && hasSignBit(values)) {
    size_t half = values.size() / 2;
    Value found = lookup(w, values.take_front(half), index);
    return w.add(w.select(index, int(half), w.negate(found), found), bias);
  }
  SmallVector<int> biased;
  for (int value : values)
    biased.push_back(value + bias);
  return lookup(w, biased, index);
}

SmallVector<Value> codegen::lookupPlanes(KernelBuilder &b, ArrayRef<int> values,
                                         int bias, int planes, Value codes) {
  Words w(b);
  Value even = w.of(codes);
  Value odd = w.shiftRight(even, 8);
  even = integers(w, values, bias, even);
  odd = integers(w, values, bias, odd);
  SmallVector<Value> bytes;
  if (planes == 2)
    bytes.push_back(w.toLanes(w.merge(odd, 0xff00, w.shiftRight(even, 8))));
  bytes.push_back(w.toLanes(w.merge(w.shiftLeft(odd, 8), 0xff00, even)));
  return bytes;
}
