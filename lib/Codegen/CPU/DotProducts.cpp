// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Dot products of short runs of K and table look-ups, in the
// instructions that a target has.

#include "DotProducts.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// `vector` seen as `lanes` elements of another type.
static Value view(KernelBuilder &b, Value vector, Type element, int64_t lanes) {
  return vector::BitCastOp::create(b, b.vectorOf(element, lanes), vector);
}

/// Applies `body` to parts of `lanes` lanes each of `vectors`, which have 16
/// lanes of 32 bits, and joins the results.
static Value inParts(KernelBuilder &b, int64_t lanes, ArrayRef<Value> vectors,
                     function_ref<Value(ArrayRef<Value>)> body) {
  if (lanes == kLanes)
    return body(vectors);
  Value joined;
  for (int64_t begin = 0; begin < kLanes; begin += lanes) {
    SmallVector<Value> parts;
    for (Value vector : vectors)
      parts.push_back(vector::ExtractStridedSliceOp::create(
          b, vector, ArrayRef<int64_t>{begin}, ArrayRef<int64_t>{lanes},
          ArrayRef<int64_t>{1}));
    Value part = body(parts);
    Type element = cast<VectorType>(part.getType()).getElementType();
    if (!joined)
      joined = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorOf(element)));
    joined = vector::InsertStridedSliceOp::create(
        b, part, joined, ArrayRef<int64_t>{begin}, ArrayRef<int64_t>{1});
  }
  return joined;
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

bool codegen::dotTakesSigned(const CpuTarget &target, unsigned weightBits) {
  return weightBits == 8 &&
         (target.byteDot == ByteDot::Sdot || target.byteDot == ByteDot::Avx2);
}

/// One instruction that sums four products to a lane, `lanes` lanes at a time.
static Value dotByIntrinsic(KernelBuilder &b, StringRef name, int64_t lanes,
                            Value sum, Value weights, Value word) {
  Value input = b.broadcast(word);
  Type byte = b.getI8Type();
  return inParts(b, lanes, {sum, weights, input}, [&](ArrayRef<Value> part) {
    return b.intrinsic(name, part[0].getType(),
                       {part[0], view(b, part[1], byte, 4 * lanes),
                        view(b, part[2], byte, 4 * lanes)});
  });
}

/// Activations are bytes from -127 to 127.
static constexpr int64_t kLargestActivation = 127;

/// vpmaddubsw: sums of two products of unsigned bytes of `weights` and signed
/// ones of `input`, 32 words. They must fit: 16 bits saturate. Weights that are
/// signed give their signs to the activations: two products of 128 times 127
/// fit.
static Value bytePairs(KernelBuilder &b, Value weights, Value input,
                       bool isSigned = false) {
  constexpr int64_t kHalf = kLanes / 2;
  Type byte = b.getI8Type(), word = b.getI16Type();
  Type bytes = b.vectorOf(byte, 4 * kHalf);
  Value pairs = inParts(b, kHalf, {weights, input}, [&](ArrayRef<Value> part) {
    Value weight = view(b, part[0], byte, 4 * kHalf);
    Value activation = view(b, part[1], byte, 4 * kHalf);
    if (isSigned) {
      activation =
          b.intrinsic("llvm.x86.avx2.psign.b", bytes, {activation, weight});
      weight = math::AbsIOp::create(b, weight); // of -128, 128 without a sign
    }
    Value sums = b.intrinsic("llvm.x86.avx2.pmadd.ub.sw",
                             b.vectorOf(word, 2 * kHalf), {weight, activation});
    return view(b, sums, b.getI32Type(), kHalf);
  });
  return view(b, pairs, word, 2 * kLanes);
}

/// vpmaddwd with ones: the sums of two words, 16 lanes of 32 bits.
static Value sumsOfPairs(KernelBuilder &b, Value words) {
  constexpr int64_t kHalf = kLanes / 2;
  Type word = b.getI16Type();
  auto shorts = b.vectorOf(word, 2 * kHalf);
  Value ones =
      arith::ConstantOp::create(b, DenseElementsAttr::get(shorts, int16_t(1)));
  return inParts(b, kHalf, {view(b, words, b.getI32Type(), kLanes)},
                 [&](ArrayRef<Value> part) {
                   return b.intrinsic(
                       "llvm.x86.avx2.pmadd.wd",
                       b.vectorOf(b.getI32Type(), kHalf),
                       {view(b, part[0], word, 2 * kHalf), ones});
                 });
}

int64_t codegen::wordSumSteps(const CpuTarget &target, unsigned weightBits) {
  if (target.byteDot != ByteDot::Avx2)
    return 0;
  int64_t largest = (int64_t(1) << weightBits) - 1;
  int64_t steps = INT16_MAX / (2 * largest * kLargestActivation);
  return steps > 1 ? steps : 0;
}

Value codegen::addBytePairs(KernelBuilder &b, Value sums, Value weights,
                            Value word) {
  Value pairs = bytePairs(b, weights, b.broadcast(word));
  return sums ? arith::AddIOp::create(b, sums, pairs) : pairs;
}

void codegen::fixSums(KernelBuilder &b, MutableArrayRef<Value> sums) {
  // An assembler text without instructions that reads and writes them all.
  auto type = cast<VectorType>(sums.front().getType());
  int64_t lanes = type.getNumElements() / 2;
  Type half = b.vectorOf(type.getElementType(), lanes);
  SmallVector<Value> halves;
  std::string written, read;
  for (Value sum : sums)
    for (int64_t begin : {int64_t(0), lanes}) {
      read += "," + std::to_string(halves.size());
      written += written.empty() ? "=x" : ",=x";
      halves.push_back(vector::ExtractStridedSliceOp::create(
          b, sum, ArrayRef<int64_t>{begin}, ArrayRef<int64_t>{lanes},
          ArrayRef<int64_t>{1}));
    }
  auto all = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(halves.size(), half));
  auto text = LLVM::InlineAsmOp::create(
      b, all, halves, /*asm_string=*/"", written + read,
      /*has_side_effects=*/false, /*is_align_stack=*/false,
      LLVM::tailcallkind::TailCallKind::None, /*asm_dialect=*/{},
      /*operand_attrs=*/{});
  for (size_t i = 0; i < sums.size(); ++i)
    for (int64_t part : {0, 1})
      sums[i] = vector::InsertStridedSliceOp::create(
          b, LLVM::ExtractValueOp::create(b, text.getResult(0), 2 * i + part),
          sums[i], ArrayRef<int64_t>{part * lanes}, ArrayRef<int64_t>{1});
}

Value codegen::addWordSums(KernelBuilder &b, Value sum, Value sums) {
  return VectorValues(b).addI(sum, sumsOfPairs(b, sums));
}

static Value dotAvx2(KernelBuilder &b, Value sum, Value weights,
                     unsigned weightBits, Value word) {
  bool isSigned = dotTakesSigned(b.target, weightBits);
  return addWordSums(b, sum,
                     bytePairs(b, weights, b.broadcast(word), isSigned));
}

static Value dotWidened(KernelBuilder &b, Value sum, Value weights,
                        Value word) {
  VectorValues v(b);
  Value input = b.broadcast(word);
  for (unsigned k = 0; k < 4; ++k) {
    Value w = v.andI(v.shiftRightLogical(weights, 8 * k), v.constI32(0xff));
    Value a = v.shiftRightArithmetic(v.shiftLeft(input, 24 - 8 * k), 24);
    sum = v.addI(sum, v.mulI(w, a));
  }
  return sum;
}

Value codegen::byteDot(KernelBuilder &b, Value sum, Value weights,
                       unsigned weightBits, Value word) {
  switch (b.target.byteDot) {
  case ByteDot::Vnni512:
    return dotByIntrinsic(b, "llvm.x86.avx512.vpdpbusd.512", 16, sum, weights,
                          word);
  case ByteDot::Vnni256:
    return dotByIntrinsic(b, "llvm.x86.avx512.vpdpbusd.256", 8, sum, weights,
                          word);
  case ByteDot::Avx2:
    return dotAvx2(b, sum, weights, weightBits, word);
  case ByteDot::Usdot:
    return dotByIntrinsic(b, "llvm.aarch64.neon.usdot.v4i32.v16i8", 4, sum,
                          weights, word);
  case ByteDot::Sdot:
    return dotByIntrinsic(b, "llvm.aarch64.neon.sdot.v4i32.v16i8", 4, sum,
                          weights, word);
  case ByteDot::Widen:
    break;
  }
  return dotWidened(b, sum, weights, word);
}

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

bool codegen::hasWordDot(const CpuTarget &target) {
  return target.architecture == Architecture::X86_64 &&
         (target.byteDot == ByteDot::Avx2 || target.byteDot == ByteDot::Widen);
}

/// pmaddwd: sums of two products of words.
static Value wordPairs(KernelBuilder &b, Value weights, Value input) {
  bool hasAvx2 = b.target.byteDot != ByteDot::Widen;
  int64_t lanes = hasAvx2 ? 8 : 4;
  StringRef name =
      hasAvx2 ? "llvm.x86.avx2.pmadd.wd" : "llvm.x86.sse2.pmadd.wd";
  Type word = b.getI16Type();
  return inParts(b, lanes, {weights, input}, [&](ArrayRef<Value> part) {
    return b.intrinsic(
        name, part[0].getType(),
        {view(b, part[0], word, 2 * lanes), view(b, part[1], word, 2 * lanes)});
  });
}

Value codegen::wordDot(KernelBuilder &b, Value sum, ArrayRef<Value> weights,
                       Value word) {
  VectorValues v(b);
  auto words = b.vectorOf(b.getI16Type(), 2 * kLanes);
  Value eight =
      arith::ConstantOp::create(b, DenseElementsAttr::get(words, int16_t(8)));
  Value bytes = view(b, b.broadcast(word), b.getI16Type(), 2 * kLanes);
  Value upper = arith::ShRSIOp::create(b, bytes, eight); // bytes 1 and 3
  Value lower =
      arith::ShRSIOp::create(b, arith::ShLIOp::create(b, bytes, eight), eight);
  for (auto [weight, input] :
       {std::pair(weights[0], lower), std::pair(weights[1], upper)})
    sum = v.addI(sum,
                 wordPairs(b, weight, view(b, input, b.getI32Type(), kLanes)));
  return sum;
}

Value codegen::wordPairDot(KernelBuilder &b, Value sum, Value pairs,
                           Value word) {
  VectorValues v(b);
  Value input = b.broadcast(word);
  if (b.target.byteDot == ByteDot::Vnni512) {
    auto words = [&](Value x) {
      return view(b, x, b.getI16Type(), 2 * kLanes);
    };
    return b.intrinsic("llvm.x86.avx512.vpdpwssd.512", sum.getType(),
                       {sum, words(pairs), words(input)});
  }
  if (b.target.architecture == Architecture::X86_64)
    return v.addI(sum, wordPairs(b, pairs, input));
  auto low = [&](Value x) {
    return v.shiftRightArithmetic(v.shiftLeft(x, 16), 16);
  };
  sum = v.addI(sum, v.mulI(low(pairs), low(input)));
  return v.addI(sum, v.mulI(v.shiftRightArithmetic(pairs, 16),
                            v.shiftRightArithmetic(input, 16)));
}

//===----------------------------------------------------------------------===//
// bfloat16
//===----------------------------------------------------------------------===//

Value codegen::bf16Pairs(KernelBuilder &b, Value first, Value second) {
  if (b.target.bf16Dot == Bf16Dot::Neon) {
    auto half = b.vectorOf(b.getBF16Type());
    return vector::InterleaveOp::create(
        b, arith::TruncFOp::create(b, half, first),
        arith::TruncFOp::create(b, half, second));
  }
  // All of `first`, then all of `second`.
  Value both =
      b.intrinsic("llvm.x86.avx512bf16.cvtne2ps2bf16.512",
                  b.vectorOf(b.getBF16Type(), 2 * kLanes), {second, first});
  Value words = view(b, both, b.getI16Type(), 2 * kLanes);
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < kLanes; ++lane)
    order.append({lane, lane + kLanes});
  return view(b, vector::ShuffleOp::create(b, words, words, order),
              b.getBF16Type(), 2 * kLanes);
}

Value codegen::bf16Dot(KernelBuilder &b, Value sum, Value pairs, Value word) {
  bool isNeon = b.target.bf16Dot == Bf16Dot::Neon;
  StringRef name = isNeon ? "llvm.aarch64.neon.bfdot.v4f32.v8bf16"
                          : "llvm.x86.avx512bf16.dpbf16ps.512";
  int64_t lanes = isNeon ? 4 : kLanes;
  Value weights = view(b, pairs, b.getI32Type(), kLanes);
  Value input = b.broadcast(word);
  Type half = b.getBF16Type();
  return inParts(b, lanes, {sum, weights, input}, [&](ArrayRef<Value> part) {
    return b.intrinsic(name, part[0].getType(),
                       {part[0], view(b, part[1], half, 2 * lanes),
                        view(b, part[2], half, 2 * lanes)});
  });
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

Value codegen::lookupBytes(KernelBuilder &b, ArrayRef<int8_t> table,
                           Value index) {
  StringRef name;
  int64_t lanes = 0;
  switch (b.target.tableLookup) {
  case TableLookup::Avx512:
    name = "llvm.x86.avx512.pshuf.b.512", lanes = 16;
    break;
  case TableLookup::Avx2:
    name = "llvm.x86.avx2.pshuf.b", lanes = 8;
    break;
  case TableLookup::Neon:
    name = "llvm.aarch64.neon.tbl1.v16i8", lanes = 4;
    break;
  case TableLookup::None:
    break;
  }
  auto bytes = b.vectorOf(b.getI8Type(), 4 * lanes);
  SmallVector<int8_t> repeated;
  for (int64_t i = 0; i < 4 * lanes; ++i)
    repeated.push_back(table[i % table.size()]);
  Value entries = arith::ConstantOp::create(
      b, DenseElementsAttr::get(bytes, ArrayRef(repeated)));
  return inParts(b, lanes, {index}, [&](ArrayRef<Value> part) {
    Value found = b.intrinsic(
        name, bytes, {entries, view(b, part[0], b.getI8Type(), 4 * lanes)});
    return view(b, found, b.getI32Type(), lanes);
  });
}
