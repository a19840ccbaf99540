// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Pointers, loops and 16-lane arithmetic of kernels.

#include "quern/Codegen/CPU/KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/Hashing.h"

using namespace mlir;
using namespace quern::codegen;

Type KernelBuilder::ptrType() {
  return LLVM::LLVMPointerType::get(getContext());
}

VectorType KernelBuilder::vectorOf(Type element, int64_t lanes) {
  return VectorType::get({lanes}, element);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

func::FuncOp KernelBuilder::beginFunction(StringRef name,
                                          ArrayRef<Type> arguments) {
  setInsertionPointToEnd(module.getBody());
  auto function =
      func::FuncOp::create(*this, name, getFunctionType(arguments, {}));
  function.setPrivate();
  // Objects of several instruction sets are linked into one.
  function->setAttr("llvm.linkage", LLVM::LinkageAttr::get(
                                        getContext(), LLVM::Linkage::Internal));
  setInsertionPointToStart(function.addEntryBlock());
  return function;
}

void KernelBuilder::endFunction() {
  func::ReturnOp::create(*this);
  setInsertionPointToEnd(module.getBody());
}

//===----------------------------------------------------------------------===//
// 64-bit integers
//===----------------------------------------------------------------------===//

Value KernelBuilder::i64(int64_t x) {
  return arith::ConstantOp::create(*this, getI64IntegerAttr(x));
}

/// The constant behind `value`, if there is one.
static std::optional<int64_t> constantOf(Value value) {
  IntegerAttr attr;
  if (matchPattern(value, m_Constant(&attr)))
    return attr.getInt();
  return std::nullopt;
}

Value KernelBuilder::add(Value a, Value b) {
  if (constantOf(b) == 0)
    return a;
  if (constantOf(a) == 0)
    return b;
  return arith::AddIOp::create(*this, a, b);
}

Value KernelBuilder::sub(Value a, Value b) {
  return arith::SubIOp::create(*this, a, b);
}

Value KernelBuilder::mul(Value a, Value b) {
  if (constantOf(b) == 1)
    return a;
  return arith::MulIOp::create(*this, a, b);
}

Value KernelBuilder::div(Value a, int64_t b) {
  return b == 1 ? a : arith::DivUIOp::create(*this, a, i64(b)).getResult();
}

Value KernelBuilder::rem(Value a, int64_t b) {
  return arith::RemUIOp::create(*this, a, i64(b));
}

Value KernelBuilder::divCeil(Value a, int64_t b) {
  return div(add(a, i64(b - 1)), b);
}

Value KernelBuilder::divCeil(Value a, Value b) {
  return arith::DivUIOp::create(*this, sub(add(a, b), i64(1)), b);
}

Value KernelBuilder::min(Value a, Value b) {
  return arith::MinSIOp::create(*this, a, b);
}

Value KernelBuilder::max(Value a, Value b) {
  return arith::MaxSIOp::create(*this, a, b);
}

Value KernelBuilder::less(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, a, b);
}

Value KernelBuilder::lessEqual(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::sle, a, b);
}

Value KernelBuilder::equal(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::offset(Value pointer, Value bytes) {
  if (constantOf(bytes) == 0)
    return pointer;
  return LLVM::GEPOp::create(*this, ptrType(), getI8Type(), pointer,
                             ValueRange{bytes});
}

Value KernelBuilder::offset(Value pointer, int64_t bytes) {
  return bytes == 0 ? pointer : offset(pointer, i64(bytes));
}

Value KernelBuilder::load(Type type, Value pointer, unsigned align) {
  return LLVM::LoadOp::create(*this, type, pointer, align);
}

void KernelBuilder::store(Value value, Value pointer, unsigned align) {
  LLVM::StoreOp::create(*this, value, pointer, align);
}

void KernelBuilder::prefetch(Value address, int64_t bytes) {
  constexpr int64_t kLine = 64;
  constexpr unsigned kForReading = 0, kIntoAllCaches = 3, kData = 1;
  for (int64_t at = 0; at < bytes; at += kLine)
    LLVM::Prefetch::create(*this, offset(address, at), kForReading,
                           kIntoAllCaches, kData);
}

Value KernelBuilder::loadVector(Value pointer) {
  return load(vectorOf(getF32Type()), pointer, 4);
}

Value KernelBuilder::laneMask(Value count) {
  SmallVector<int32_t> lanes;
  for (int32_t i = 0; i < kLanes; ++i)
    lanes.push_back(i);
  Value iota = arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vectorOf(getI32Type()), ArrayRef(lanes)));
  Value narrow = arith::TruncIOp::create(*this, getI32Type(), count);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, iota,
                               broadcast(narrow));
}

Value KernelBuilder::loadVectorPart(Value pointer, Value count) {
  return LLVM::MaskedLoadOp::create(*this, vectorOf(getF32Type()), pointer,
                                    laneMask(count), splat(0),
                                    getI32IntegerAttr(4),
                                    /*nontemporal=*/UnitAttr());
}

void KernelBuilder::storeVectorPart(Value vector, Value pointer, Value count) {
  LLVM::MaskedStoreOp::create(*this, vector, pointer, laneMask(count), 4);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void KernelBuilder::loop(Value begin, Value end, int64_t step, Body body) {
  loop(begin, end, step, ValueRange{},
       [&](Value index, ValueRange) -> SmallVector<Value> {
         body(index);
         return {};
       });
}

SmallVector<Value> KernelBuilder::loop(Value begin, Value end, int64_t step,
                                       ValueRange initial, Fold body) {
  auto loop = scf::ForOp::create(*this, begin, end, i64(step), initial);
  OpBuilder::InsertionGuard guard(*this);
  // With no carried values the builder has already put a yield there.
  if (initial.empty())
    loop.getBody()->getTerminator()->erase();
  setInsertionPointToEnd(loop.getBody());
  SmallVector<Value> carried =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(*this, carried);
  return SmallVector<Value>(loop.getResults());
}

void KernelBuilder::ifThen(Value condition, std::function<void()> then) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
}

void KernelBuilder::ifThenElse(Value condition, std::function<void()> then,
                               std::function<void()> otherwise) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

std::pair<Value, Value> KernelBuilder::share(Value count, Value worker,
                                             Value workers, int64_t grain) {
  Value grains = divCeil(count, grain);
  auto boundary = [&](Value index) {
    Value at = arith::DivUIOp::create(
        *this, arith::MulIOp::create(*this, grains, index), workers);
    return min(mul(at, grain), count);
  };
  return {boundary(worker), boundary(add(worker, 1))};
}

void KernelBuilder::forShare(Value count, Value worker, Value workers,
                             Body body) {
  auto [begin, end] = share(count, worker, workers);
  loop(begin, end, 1, body);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

Value KernelBuilder::f32(float x) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(x));
}

Value KernelBuilder::splat(float x) {
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vectorOf(getF32Type()), x));
}

Value KernelBuilder::splatI32(int32_t x) {
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vectorOf(getI32Type()), x));
}

Value KernelBuilder::broadcast(Value scalar) {
  return vector::BroadcastOp::create(*this, vectorOf(scalar.getType()), scalar);
}

Value KernelBuilder::addF(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}

Value KernelBuilder::subF(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b);
}

Value KernelBuilder::mulF(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}

Value KernelBuilder::divF(Value a, Value b) {
  return arith::DivFOp::create(*this, a, b);
}

Value KernelBuilder::maxF(Value a, Value b) {
  Value greater = arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, a, b);
  return arith::SelectOp::create(*this, greater, a, b);
}

Value KernelBuilder::multiplyAdd(Value a, Value b, Value c) {
  if (target.hasFma)
    return math::FmaOp::create(*this, a, b, c);
  return addF(mulF(a, b), c);
}

/// The binary64 sum p + c rounded to odd: where inexact, the neighbour with an
/// odd last bit. Rounding that to binary32 gives the one rounding of the exact
/// sum (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums").
static Value addRoundedToOdd(KernelBuilder &b, Value p, Value c) {
  Value sum = b.addF(p, c);
  Value cPart = b.subF(sum, p); // the sum's error, after Knuth
  Value error = b.addF(b.subF(p, b.subF(sum, cPart)), b.subF(c, cPart));
  Type type = b.vectorOf(b.getI64Type());
  auto constant = [&](int64_t x) -> Value {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(cast<ShapedType>(type), x));
  };
  auto bitsOf = [&](Value x) -> Value {
    return arith::BitcastOp::create(b, type, x);
  };
  Value zero = arith::ConstantOp::create(
      b, DenseElementsAttr::get(cast<ShapedType>(p.getType()), 0.0));
  Value isInexact =
      arith::CmpFOp::create(b, arith::CmpFPredicate::ONE, error, zero);
  // One up in magnitude if the error has the sum's sign, else one down.
  Value bits = bitsOf(sum);
  Value differ = arith::ShRUIOp::create(
      b, arith::XOrIOp::create(b, bits, bitsOf(error)), constant(63));
  Value step = b.sub(constant(1), b.add(differ, differ));
  Value evenMask =
      b.sub(arith::AndIOp::create(b, bits, constant(1)), constant(1));
  step = arith::AndIOp::create(b, step, evenMask);
  step = arith::SelectOp::create(b, isInexact, step, constant(0));
  return arith::BitcastOp::create(b, p.getType(), b.add(bits, step));
}

Value KernelBuilder::fusedMultiplyAdd(Value x, Value y, Value z) {
  if (target.hasFma)
    return math::FmaOp::create(*this, x, y, z);
  Type wide = vectorOf(getF64Type());
  auto widen = [&](Value v) -> Value {
    return arith::ExtFOp::create(*this, wide, v);
  };
  Value product = mulF(widen(x), widen(y)); // exact
  return arith::TruncFOp::create(*this, x.getType(),
                                 addRoundedToOdd(*this, product, widen(z)));
}

Value KernelBuilder::exp(Value x) {
  VectorValues v(*this, !isa<VectorType>(x.getType()));
  // Cody and Waite's reduction: x = n ln 2 + r with |r| <= ln 2 / 2, then a
  // polynomial for e^r (coefficients of Cephes' expf), then times 2^n.
  x = v.minF(v.maxF(x, v.constF32(-87.3f)), v.constF32(88.3f));
  Value n = v.roundToI32(v.mulF(x, v.constF32(1.44269504088896341f)));
  Value nf = v.toF32(n);
  Value r = v.subF(x, v.mulF(nf, v.constF32(0.693359375f)));
  r = v.subF(r, v.mulF(nf, v.constF32(-2.12194440e-4f)));
  static const float coefficients[] = {1.9875691500e-4f, 1.3981999507e-3f,
                                       8.3334519073e-3f, 4.1665795894e-2f,
                                       1.6666665459e-1f, 5.0000001201e-1f};
  Value p = v.constF32(coefficients[0]);
  for (float c : ArrayRef(coefficients).drop_front())
    p = v.addF(v.mulF(p, r), v.constF32(c));
  p = v.addF(v.addF(v.mulF(p, v.mulF(r, r)), r), v.constF32(1.0f));
  Value power = v.shiftLeft(v.addI(n, v.constI32(127)), 23);
  return v.mulF(p, v.bitcastF(power));
}

/// Folds 16 lanes to one by combining halves.
static Value foldLanes(KernelBuilder &b, Value vector,
                       function_ref<Value(Value, Value)> combine) {
  for (int64_t lanes = kLanes / 2; lanes >= 1; lanes /= 2) {
    auto slice = [&](int64_t begin) -> Value {
      return vector::ExtractStridedSliceOp::create(
          b, vector, ArrayRef<int64_t>{begin}, ArrayRef<int64_t>{lanes},
          ArrayRef<int64_t>{1});
    };
    vector = combine(slice(0), slice(lanes));
  }
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{0});
}

Value KernelBuilder::sumLanes(Value vector) {
  return foldLanes(*this, vector, [&](Value a, Value b) { return addF(a, b); });
}

Value KernelBuilder::maxLanes(Value vector) {
  return foldLanes(*this, vector, [&](Value a, Value b) { return maxF(a, b); });
}

Value KernelBuilder::intrinsic(StringRef name, Type result,
                               ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(*this, result, getStringAttr(name),
                                       operands)
      .getResult(0);
}

Value KernelBuilder::constantData(DenseElementsAttr data) {
  ArrayRef<char> bytes = data.getRawData();
  size_t hash = llvm::hash_combine_range(bytes.begin(), bytes.end());
  std::string name = "table_" + llvm::utohexstr(hash);
  while (auto existing = module.lookupSymbol<LLVM::GlobalOp>(name)) {
    if (existing.getValueAttr() == data)
      return LLVM::AddressOfOp::create(*this, existing);
    name += "_";
  }
  LLVM::GlobalOp global;
  {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(
        *this,
        LLVM::LLVMArrayType::get(data.getElementType(), data.getNumElements()),
        /*isConstant=*/true, LLVM::Linkage::Internal, name, data,
        /*alignment=*/64);
  }
  return LLVM::AddressOfOp::create(*this, global);
}

Value KernelBuilder::constantTable(ArrayRef<float> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, getF32Type());
  return constantData(DenseElementsAttr::get(type, values));
}

Value KernelBuilder::constantTable(ArrayRef<int32_t> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, getI32Type());
  return constantData(DenseElementsAttr::get(type, values));
}

Value KernelBuilder::gather(Value table, Value index, Type element) {
  auto pointers = VectorType::get({kLanes}, ptrType());
  Value addresses = LLVM::GEPOp::create(*this, pointers, element, table,
                                        ArrayRef<LLVM::GEPArg>{index});
  Value all = arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vectorOf(getI1Type()), true));
  return LLVM::masked_gather::create(*this, vectorOf(element), addresses, all,
                                     ValueRange(), getI32IntegerAttr(4));
}
