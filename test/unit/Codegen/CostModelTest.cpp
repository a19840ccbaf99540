// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Predicted cycles of code whose cost is counted by hand, and what
// follows from predictions. How near they are to measured cycles is shown by
// test/benchmarks/CostModelBenchmark.cpp.

#include "quern/Codegen/CPU/CostModel.h"
#include "DecodeOnce.h"
#include "LinearProblem.h"
#include "llvm/Support/MathExtras.h"

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

/// Costs that are made up, so that each sum has one explanation. Registers have
/// the 16 lanes of a vector of floats.
OperationCosts madeUpCosts() {
  OperationCosts costs = {};
  costs.registerBits = 512;
  costs.floats = 3;
  costs.load = 5;
  costs.store = 7;
  return costs;
}

/// What KernelBuilder emits, under a module of its own.
class CostModelWalk : public testing::Test {
protected:
  CostModelWalk() { loadKernelDialects(context); }

  /// Begins a function of a pointer and `sizes` integers; returns the latter.
  mlir::ValueRange begin(llvm::StringRef name, unsigned sizes) {
    llvm::SmallVector<mlir::Type> types = {b.ptrType()};
    types.append(sizes, b.getI64Type());
    function = b.beginFunction(name, types);
    return function.getArguments().drop_front();
  }
  mlir::Value memory() { return function.getArgument(0); }

  /// Squares 16 floats at `bytes`: a load, a product and a store.
  void square(mlir::Value bytes) {
    mlir::Value at = b.offset(memory(), bytes);
    mlir::Value x = b.loadVector(at);
    b.store(b.mulF(x, x), at, 4);
  }
  /// Squares floats [first, end), 16 a round.
  void squareAll(mlir::Value first, mlir::Value end) {
    b.loop(first, end, kLanes, [&](mlir::Value i) { square(b.mul(i, 4)); });
  }
  void call(mlir::func::FuncOp callee, llvm::ArrayRef<mlir::Value> sizes) {
    llvm::SmallVector<mlir::Value> arguments = {memory()};
    arguments.append(sizes.begin(), sizes.end());
    mlir::func::CallOp::create(b, callee, arguments);
  }

  KernelCost predict(llvm::ArrayRef<int64_t> sizes,
                     const OperationCosts &costs = madeUpCosts()) {
    return predictCost(function, sizes, costs);
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::Location loc = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  KernelBuilder b{loc, *module, *lookupCpuTarget("avx512")};
  mlir::func::FuncOp function; ///< the last one begun
};

/// Expects the cycles of `n` calls of CostModelWalk::square.
void expectSquares(const Cycles &cycles, double n) {
  EXPECT_EQ(cycles.vector, 3 * n);
  EXPECT_EQ(cycles.load, 5 * n);
  EXPECT_EQ(cycles.store, 7 * n);
}

// A loop costs its body once a round, the last one whole.
TEST_F(CostModelWalk, LoopCostsItsBodyEachRound) {
  mlir::ValueRange sizes = begin("squares", 2);
  squareAll(sizes[0], sizes[1]);
  b.endFunction();
  expectSquares(predict({0, 160}).product, 10);
  expectSquares(predict({0, 33}).product, 3);
  expectSquares(predict({32, 65}).product, 3);
  expectSquares(predict({16, 16}).product, 0);
  expectSquares(predict({32, 16}).product, 0);
}

// Rounds of nested loops multiply; bounds may be computed.
TEST_F(CostModelWalk, NestedLoopsMultiply) {
  mlir::ValueRange sizes = begin("nested", 2);
  b.loop(b.i64(0), sizes[0], 1, [&](mlir::Value) {
    squareAll(b.i64(0), b.mul(b.divCeil(sizes[1], 3), kLanes));
    square(b.i64(0));
  });
  b.endFunction();
  expectSquares(predict({3, 10}).product, 3 * (4 + 1));
  expectSquares(predict({0, 10}).product, 0);
}

// A callee is followed with the integers of each call, in their order.
TEST_F(CostModelWalk, CallsHaveTheirArguments) {
  mlir::ValueRange sizes = begin("callee", 2);
  squareAll(sizes[0], sizes[1]);
  b.endFunction();
  mlir::func::FuncOp callee = function;
  sizes = begin("caller", 1);
  b.loop(b.i64(0), b.i64(2), 1,
         [&](mlir::Value) { call(callee, {b.i64(16), b.i64(48)}); });
  call(callee, {b.i64(0), b.add(sizes[0], kLanes)});
  // The values of the caller are still known.
  squareAll(b.i64(0), sizes[0]);
  b.endFunction();
  expectSquares(predict({64}).product, 2 * 2 + 5 + 4);
}

// Of a branch, the side is counted that runs.
TEST_F(CostModelWalk, OneSideOfABranchIsCounted) {
  mlir::ValueRange sizes = begin("branch", 1);
  b.ifThenElse(
      b.less(sizes[0], b.i64(8)), [&] { square(b.i64(0)); },
      [&] { squareAll(b.i64(0), b.i64(64)); });
  b.endFunction();
  expectSquares(predict({7}).product, 1);
  expectSquares(predict({8}).product, 4);
}

// Code for codes, for scales and for the rest is told apart, also in loops and
// in functions that are called.
TEST_F(CostModelWalk, PartsAreToldApart) {
  begin("callee", 0);
  b.inPart(kScalePart, [&] { square(b.i64(0)); });
  b.endFunction();
  mlir::func::FuncOp callee = function;
  mlir::ValueRange sizes = begin("caller", 1);
  b.inPart(kDecodePart, [&] { squareAll(b.i64(0), sizes[0]); });
  b.loop(b.i64(0), b.i64(5), 1, [&](mlir::Value) { call(callee, {}); });
  square(b.i64(64));
  b.endFunction();
  KernelCost cost = predict({48});
  expectSquares(cost.decode, 3);
  expectSquares(cost.scale, 5);
  expectSquares(cost.product, 1);
  expectSquares(cost.all(), 9);
}

// What the lowering merges and moves out of loops is not paid each round.
TEST_F(CostModelWalk, SharedWorkIsPaidOnce) {
  mlir::ValueRange sizes = begin("shared", 1);
  mlir::Value x = b.loadVector(memory());
  b.loop(b.i64(0), sizes[0], 1, [&](mlir::Value i) {
    mlir::Value at = b.offset(memory(), b.mul(i, 128));
    b.store(b.mulF(x, x), at, 4);
    b.store(b.mulF(x, x), b.offset(at, 64), 4);
  });
  b.endFunction();
  Cycles cycles = predict({10}).product;
  EXPECT_EQ(cycles.vector, 3);
  EXPECT_EQ(cycles.load, 5);
  EXPECT_EQ(cycles.store, 2 * 10 * 7);
}

// 16 lanes take several registers where these are shorter.
TEST_F(CostModelWalk, ShortRegistersTakeMoreOperations) {
  begin("one", 0);
  square(b.i64(0));
  b.endFunction();
  OperationCosts costs = madeUpCosts();
  costs.registerBits = 128;
  expectSquares(predict({}, costs).product, 4);
}

// A gather is of 16 words, whatever the registers.
TEST_F(CostModelWalk, GathersCostTheSameInAllRegisters) {
  begin("gather", 0);
  mlir::Value x = b.gather(memory(), b.splatI32(1), b.getF32Type());
  b.store(x, memory(), 4);
  b.endFunction();
  OperationCosts costs = madeUpCosts();
  costs.gather = 11;
  costs.gatherVector = 13;
  costs.registerBits = 128;
  Cycles cycles = predict({}, costs).product;
  EXPECT_EQ(cycles.vector, 13);
  EXPECT_EQ(cycles.load, 11);
  EXPECT_EQ(cycles.store, 4 * 7);
}

// Kinds of units work side by side: the busiest of all parts decides.
TEST(CostModel, BusiestUnitDecides) {
  KernelCost cost;
  cost.decode = {6, 1, 1};
  cost.scale = {0, 4, 2};
  cost.product = {1, 4, 3};
  EXPECT_EQ(cost.decode.total(), 6);
  EXPECT_EQ(cost.scale.total(), 4);
  EXPECT_EQ(cost.all().total(), 9);
}

// Costs are those of a target's own registers.
TEST(CostModel, TargetsHaveCostsOfTheirRegisters) {
  for (const CpuTarget &target : cpuTargets()) {
    int64_t bits = target.isa.find("avx2") == 0 ? 256 : 128;
    if (target.isa == "amx" || target.isa.find("avx512") == 0)
      bits = 512;
    EXPECT_EQ(operationCosts(target).registerBits, bits) << target.isa;
  }
}

// With nothing else to pay for, a prediction counts the instructions that
// multiply bytes: through the kernel's calls, loops and register tiles, also
// those that rows do not fill. A tile that lacks panels does the last one's
// work again.
TEST(CostModel, FindsEveryByteProductOfAKernel) {
  constexpr int64_t kRows = 11, kDepth = 256, kColumns = 40;
  LinearProblem p = LinearProblem::create("int8_channel", {kInt8, kDepth, 32},
                                          kRows, kColumns, 1);
  for (const char *isa : {"avx512", "avx2vnni"}) {
    const CpuTarget &target = *lookupCpuTarget(isa);
    OperationCosts costs = {};
    costs.registerBits = operationCosts(target).registerBits;
    costs.dot = 1;
    int64_t computed =
        int64_t(llvm::alignTo(kColumns, kPanelRows * target.tilePanels));
    EXPECT_EQ(p.predict(target, costs).all().total(),
              double(kRows * kDepth * computed / (costs.registerBits / 8)))
        << isa;
  }
}

DecodeOnce decide(const char *format, ActivationRow input, const char *isa,
                  Decoding decoding = Decoding::ByCost) {
  const CpuTarget &target = *lookupCpuTarget(isa);
  LinearProblem p = LinearProblem::create(format, input, 1, 32, 1);
  LinearSpec spec = p.tiledSpec(target);
  spec.decoding = decoding;
  auto shape = PanelShape::create(spec.weight, spec.layout, spec.input.width);
  EXPECT_TRUE(shape.isOk()) << shape.status().message();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  return decodeOnce(spec, *shape, target, &context);
}

double cyclesOf(const KernelCost &cost) { return cost.all().total(); }

// Codes of vectors, with signs of their own, take most of a tile's time on
// AVX2: decoding once pays for any number of rows.
TEST(CostModelDecodeOnce, PaysAtOnceWhereDecodingIsMost) {
  DecodeOnce once = decide("iq3_xxs", {kInt8, 256, 32}, "avx2");
  EXPECT_LT(cyclesOf(once.decoded), cyclesOf(once.packed) / 2);
  EXPECT_GT(once.packed.decode.total(), cyclesOf(once.packed) / 2);
  EXPECT_GT(once.decoder.decode.total(), cyclesOf(once.decoder) / 2);
  EXPECT_EQ(once.decoded.decode.total(), 0);
  EXPECT_TRUE(once.isForAllRows());
}

// Plain bytes are operands as they lie there.
TEST(CostModelDecodeOnce, NeverPaysForPlainBytes) {
  DecodeOnce once = decide("int8_channel", {kInt8, 256, 32}, "avx512");
  EXPECT_FALSE(once.pays());
}

// In between it pays from the fewest tiles on with which it is faster.
TEST(CostModelDecodeOnce, PaysFromTheFewestTilesThatGain) {
  DecodeOnce once = decide("q8_0", {kInt8, 1024, 32}, "avx512");
  auto gain = [&](int64_t tiles) {
    return double(tiles) * (cyclesOf(once.packed) - cyclesOf(once.decoded)) -
           cyclesOf(once.decoder);
  };
  ASSERT_GT(once.fromTiles, 2);
  EXPECT_GT(gain(once.fromTiles), 0);
  EXPECT_LE(gain(once.fromTiles - 1), 0);
}

// Who asks for either is not asked for the cost.
TEST(CostModelDecodeOnce, YieldsToWhatASpecAsksFor) {
  EXPECT_FALSE(
      decide("iq3_xxs", {kInt8, 256, 32}, "avx2", Decoding::InTiles).pays());
  EXPECT_TRUE(decide("int8_channel", {kInt8, 256, 32}, "avx512", Decoding::Once)
                  .isForAllRows());
}

} // namespace
