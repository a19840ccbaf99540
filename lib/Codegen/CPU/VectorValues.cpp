// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The value class of Numerics/Values.h that builds IR.

#include "quern/Codegen/CPU/KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quern::codegen;

Type VectorValues::f32Type() {
  return isScalar ? Type(b.getF32Type()) : b.vectorOf(b.getF32Type());
}

Type VectorValues::i32Type() {
  return isScalar ? Type(b.getI32Type()) : b.vectorOf(b.getI32Type());
}

Value VectorValues::constI32(int32_t x) {
  if (isScalar)
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(x));
  return b.splatI32(x);
}

Value VectorValues::constF32(float x) {
  return isScalar ? b.f32(x) : b.splat(x);
}

Value VectorValues::addI(Value x, Value y) {
  return arith::AddIOp::create(b, x, y);
}

Value VectorValues::subI(Value x, Value y) {
  return arith::SubIOp::create(b, x, y);
}

Value VectorValues::mulI(Value x, Value y) {
  return arith::MulIOp::create(b, x, y);
}

Value VectorValues::andI(Value x, Value y) {
  return arith::AndIOp::create(b, x, y);
}

Value VectorValues::orI(Value x, Value y) {
  return arith::OrIOp::create(b, x, y);
}

Value VectorValues::xorI(Value x, Value y) {
  return arith::XOrIOp::create(b, x, y);
}

Value VectorValues::shiftLeft(Value x, unsigned n) {
  return n == 0 ? x : arith::ShLIOp::create(b, x, constI32(n)).getResult();
}

Value VectorValues::shiftRightLogical(Value x, unsigned n) {
  return n == 0 ? x : arith::ShRUIOp::create(b, x, constI32(n)).getResult();
}

Value VectorValues::shiftRightArithmetic(Value x, unsigned n) {
  return n == 0 ? x : arith::ShRSIOp::create(b, x, constI32(n)).getResult();
}

Value VectorValues::minI(Value x, Value y) {
  return arith::MinSIOp::create(b, x, y);
}

Value VectorValues::maxI(Value x, Value y) {
  return arith::MaxSIOp::create(b, x, y);
}

Value VectorValues::addF(Value x, Value y) { return b.addF(x, y); }
Value VectorValues::subF(Value x, Value y) { return b.subF(x, y); }
Value VectorValues::mulF(Value x, Value y) { return b.mulF(x, y); }
Value VectorValues::divF(Value x, Value y) { return b.divF(x, y); }

Value VectorValues::fmaF(Value x, Value y, Value z) {
  return math::FmaOp::create(b, x, y, z);
}

std::optional<Value>
VectorValues::decodeNatively(const numerics::FloatType &type, Value code) {
  bool isF16 = type.exponentBits == 5 && type.mantissaBits == 10 &&
               type.special == numerics::FloatType::Special::Ieee;
  if (!isF16 || !b.target.hasF16Conversion)
    return std::nullopt;
  auto typed = [&](Type element) {
    return isScalar ? element : Type(b.vectorOf(element));
  };
  Value half = arith::BitcastOp::create(
      b, typed(b.getF16Type()),
      arith::TruncIOp::create(b, typed(b.getI16Type()), code));
  return arith::ExtFOp::create(b, f32Type(), half).getResult();
}

Value VectorValues::absF(Value x) {
  return bitcastF(andI(bitcastI(x), constI32(0x7fffffff)));
}

Value VectorValues::floorF(Value x) {
  // Without SSE4.1's rounding instruction: truncate, then correct downwards.
  Value truncated = arith::SIToFPOp::create(
      b, f32Type(), arith::FPToSIOp::create(b, i32Type(), x));
  Value lower = subF(truncated, constF32(1.0f));
  return selectF(lessF(x, truncated), lower, truncated);
}

Value VectorValues::minF(Value x, Value y) {
  return selectF(lessF(x, y), x, y);
}

Value VectorValues::maxF(Value x, Value y) { return b.maxF(x, y); }

Value VectorValues::lessI(Value x, Value y) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, y);
}

Value VectorValues::equalI(Value x, Value y) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x, y);
}

Value VectorValues::lessF(Value x, Value y) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, y);
}

Value VectorValues::equalF(Value x, Value y) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, y);
}

Value VectorValues::selectI(Value c, Value x, Value y) {
  return arith::SelectOp::create(b, c, x, y);
}

Value VectorValues::selectF(Value c, Value x, Value y) {
  return arith::SelectOp::create(b, c, x, y);
}

Value VectorValues::bitcastF(Value x) {
  return arith::BitcastOp::create(b, f32Type(), x);
}

Value VectorValues::bitcastI(Value x) {
  return arith::BitcastOp::create(b, i32Type(), x);
}

Value VectorValues::toF32(Value x) {
  return arith::SIToFPOp::create(b, f32Type(), x);
}

Value VectorValues::roundToI32(Value x) {
  // Adding 1.5 * 2^23 leaves the integer nearest to x, ties to even, in the low
  // mantissa bits, for |x| < 2^22: every code and every exponent fits.
  Value shifted = addF(x, constF32(12582912.0f));
  return subI(bitcastI(shifted), constI32(0x4B400000));
}

Value VectorValues::lookup(const std::vector<float> &table, Value code) {
  if (!isScalar && table.size() <= b.target.registerTable)
    return lookupInRegisters(table, code);
  return lookupInMemory(table, code);
}

/// Lanes [begin, begin + lanes) of a table, repeated from its start if short.
static Value tablePart(KernelBuilder &b, const std::vector<float> &table,
                       size_t begin, size_t lanes) {
  SmallVector<float> part;
  for (size_t i = 0; i < lanes; ++i)
    part.push_back(table[(begin + i) % table.size()]);
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(b.vectorOf(b.getF32Type(), lanes),
                                ArrayRef(part)));
}

/// AVX2: looks up 8 lanes of codes in a table of up to 16 entries.
static Value lookupEightLanes(KernelBuilder &b, const std::vector<float> &table,
                              Value code) {
  auto type = b.vectorOf(b.getF32Type(), 8);
  Value low = b.intrinsic("llvm.x86.avx2.permps", type,
                          {tablePart(b, table, 0, 8), code});
  if (table.size() <= 8)
    return low;
  Value high = b.intrinsic("llvm.x86.avx2.permps", type,
                           {tablePart(b, table, 8, 8), code});
  Value seven = arith::ConstantOp::create(
      b, DenseElementsAttr::get(b.vectorOf(b.getI32Type(), 8), int32_t(7)));
  Value isHigh =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, code, seven);
  return arith::SelectOp::create(b, isHigh, high, low);
}

/// NEON: tbl finds bytes in 64, which hold 16 floats, and gives 0 behind them;
/// tbx leaves what was found before. So 64 floats take four of them.
Value VectorValues::lookupByTbl(const std::vector<float> &table, Value code) {
  constexpr size_t kFloats = 16;
  auto bytes = b.vectorOf(b.getI8Type(), 16);
  // Bytes 4 * code + (0, 1, 2, 3) of the table.
  Value index = addI(mulI(code, constI32(0x04040404)), constI32(0x03020100));
  Value result = b.splat(0);
  for (int64_t lane = 0; lane < kLanes; lane += 4) {
    Value found;
    for (size_t first = 0; first < table.size(); first += kFloats) {
      SmallVector<Value> operands;
      if (found)
        operands.push_back(found);
      for (size_t begin = first; begin < first + kFloats; begin += 4)
        operands.push_back(
            vector::BitCastOp::create(b, bytes, tablePart(b, table, begin, 4)));
      // An index of another part is 64 or more with its top bits changed.
      uint32_t part = uint32_t(4 * first) * 0x01010101u;
      Value here = vector::ExtractStridedSliceOp::create(
          b, xorI(index, constI32(int32_t(part))), ArrayRef<int64_t>{lane},
          ArrayRef<int64_t>{4}, ArrayRef<int64_t>{1});
      operands.push_back(vector::BitCastOp::create(b, bytes, here));
      found = b.intrinsic(found ? "llvm.aarch64.neon.tbx4.v16i8"
                                : "llvm.aarch64.neon.tbl4.v16i8",
                          bytes, operands);
    }
    result = vector::InsertStridedSliceOp::create(
        b, vector::BitCastOp::create(b, b.vectorOf(b.getF32Type(), 4), found),
        result, ArrayRef<int64_t>{lane}, ArrayRef<int64_t>{1});
  }
  return result;
}

Value VectorValues::lookupInRegisters(const std::vector<float> &table,
                                      Value code) {
  if (b.target.tableLookup == TableLookup::Neon)
    return lookupByTbl(table, code);
  if (b.target.tableLookup == TableLookup::Avx512) {
    if (table.size() <= 16)
      return b.intrinsic("llvm.x86.avx512.permvar.sf.512", f32Type(),
                         {tablePart(b, table, 0, 16), code});
    return b.intrinsic(
        "llvm.x86.avx512.vpermi2var.ps.512", f32Type(),
        {tablePart(b, table, 0, 16), code, tablePart(b, table, 16, 16)});
  }
  SmallVector<Value> halves;
  for (int64_t begin : {0, 8}) {
    Value part = vector::ExtractStridedSliceOp::create(
        b, code, ArrayRef<int64_t>{begin}, ArrayRef<int64_t>{8},
        ArrayRef<int64_t>{1});
    halves.push_back(lookupEightLanes(b, table, part));
  }
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < kLanes; ++i)
    order.push_back(i);
  return vector::ShuffleOp::create(b, halves[0], halves[1], order);
}

Value VectorValues::lookupInMemory(const std::vector<float> &table,
                                   Value code) {
  Value base = b.constantTable(table);
  auto loadOne = [&](Value index) {
    Value wide = arith::ExtUIOp::create(b, b.getI64Type(), index);
    return b.loadF32(b.offset(base, b.mul(wide, 4)));
  };
  return isScalar ? loadOne(code) : b.gather(base, code, b.getF32Type());
}
