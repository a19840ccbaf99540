// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Follows generated code and adds up how long units are busy.

#include "quern/Codegen/CPU/CostModel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"
#include "quern/Codegen/CPU/KernelBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

Cycles KernelCost::all() const {
  Cycles sum = decode;
  sum += scale;
  sum += product;
  return sum;
}

namespace {
/// Goes through a function, and those it calls, with numbers for its integers.
class CostWalk {
public:
  explicit CostWalk(const OperationCosts &costs) : costs(costs) {}

  void addCall(func::FuncOp function, ArrayRef<int64_t> arguments,
               double times);
  KernelCost cost;

private:
  void addBlock(Block &block, double times);
  void addLoop(scf::ForOp loop, double times);
  void addBranch(scf::IfOp branch, double times);
  void addOperation(Operation *op, double times);
  Cycles cyclesOf(Operation *op);
  Cycles arithmeticOf(Operation *op);
  Cycles intrinsicOf(LLVM::CallIntrinsicOp op);
  /// The number behind a scalar; 0 if there is none.
  int64_t numberOf(Value value);
  double registersOf(Type type) const;

  const OperationCosts &costs;
  DenseMap<Value, int64_t> known;
};
} // namespace

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

int64_t CostWalk::numberOf(Value value) {
  IntegerAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return constant.getValue().getSExtValue();
  if (auto found = known.find(value); found != known.end())
    return found->second;
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumOperands() != 2 || !value.getType().isIntOrIndex())
    return 0;
  int64_t x = numberOf(op->getOperand(0)), y = numberOf(op->getOperand(1));
  int64_t result = llvm::TypeSwitch<Operation *, int64_t>(op)
                       .Case([&](arith::AddIOp) { return x + y; })
                       .Case([&](arith::SubIOp) { return x - y; })
                       .Case([&](arith::MulIOp) { return x * y; })
                       .Case([&](arith::DivUIOp) { return y == 0 ? 0 : x / y; })
                       .Case([&](arith::RemUIOp) { return y == 0 ? 0 : x % y; })
                       .Case([&](arith::MinSIOp) { return std::min(x, y); })
                       .Case([&](arith::MaxSIOp) { return std::max(x, y); })
                       .Case([&](arith::CmpIOp compare) {
                         return int64_t(arith::applyCmpPredicate(
                             compare.getPredicate(), APInt(64, x, true),
                             APInt(64, y, true)));
                       })
                       .Default([](Operation *) { return 0; });
  return known[value] = result;
}

void CostWalk::addCall(func::FuncOp function, ArrayRef<int64_t> arguments,
                       double times) {
  // Values of an earlier call are others.
  known.clear();
  size_t next = 0;
  for (BlockArgument argument : function.getArguments())
    if (argument.getType().isInteger(64) && next < arguments.size())
      known[argument] = arguments[next++];
  addBlock(function.getBody().front(), times);
}

void CostWalk::addLoop(scf::ForOp loop, double times) {
  int64_t begin = numberOf(loop.getLowerBound());
  int64_t end = numberOf(loop.getUpperBound());
  int64_t step = std::max<int64_t>(1, numberOf(loop.getStep()));
  if (begin >= end)
    return;
  // Every round costs what the first does.
  known[loop.getInductionVar()] = begin;
  addBlock(*loop.getBody(), times * double((end - begin + step - 1) / step));
}

void CostWalk::addBranch(scf::IfOp branch, double times) {
  bool isThen = numberOf(branch.getCondition()) != 0;
  if (isThen)
    addBlock(*branch.thenBlock(), times);
  else if (branch.elseBlock())
    addBlock(*branch.elseBlock(), times);
}

void CostWalk::addBlock(Block &block, double times) {
  for (Operation &op : block) {
    if (auto loop = dyn_cast<scf::ForOp>(op))
      addLoop(loop, times);
    else if (auto branch = dyn_cast<scf::IfOp>(op))
      addBranch(branch, times);
    else if (auto call = dyn_cast<func::CallOp>(op)) {
      SmallVector<int64_t> arguments;
      for (Value operand : call.getOperands())
        if (operand.getType().isInteger(64))
          arguments.push_back(numberOf(operand));
      CostWalk inner(costs);
      inner.addCall(SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
                        call, call.getCalleeAttr()),
                    arguments, times);
      cost.decode += inner.cost.decode;
      cost.scale += inner.cost.scale;
      cost.product += inner.cost.product;
    } else {
      addOperation(&op, times);
    }
  }
}

void CostWalk::addOperation(Operation *op, double times) {
  Cycles cycles = cyclesOf(op) * times;
  auto part = dyn_cast<NameLoc>(op->getLoc());
  StringRef name = part ? part.getName().strref() : "";
  if (name == kDecodePart)
    cost.decode += cycles;
  else if (name == kScalePart)
    cost.scale += cycles;
  else
    cost.product += cycles;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

double CostWalk::registersOf(Type type) const {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector)
    return 1;
  Type element = vector.getElementType();
  // Truth values are masks, and addresses are formed as they are used.
  int64_t bits = element.isIntOrFloat()
                     ? std::max<int64_t>(8, element.getIntOrFloatBitWidth())
                     : 64;
  return double((vector.getNumElements() * bits + costs.registerBits - 1) /
                costs.registerBits);
}

Cycles CostWalk::intrinsicOf(LLVM::CallIntrinsicOp op) {
  StringRef name = op.getIntrin();
  Cycles cycles;
  if (op.getNumResults() == 0)
    return {0, 0, costs.store};
  double registers = registersOf(op.getResult(0).getType());
  bool isShuffle = name.contains("pshuf") || name.contains("perm") ||
                   name.contains("vpermi2var") || name.contains("tbl");
  cycles.vector = registers * (isShuffle ? costs.shuffle : costs.dot);
  return cycles;
}

/// Whether all lanes are equal: then one register has them all.
static bool isUniform(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  DenseElementsAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return constant.isSplat();
  if (isa<vector::BroadcastOp>(op))
    return true;
  return op->hasTrait<OpTrait::Elementwise>() &&
         llvm::all_of(op->getOperands(), isUniform);
}

Cycles CostWalk::arithmeticOf(Operation *op) {
  double registers = 0;
  for (Type type : op->getResultTypes())
    registers = std::max(registers, registersOf(type));
  for (Value operand : op->getOperands())
    registers = std::max(registers, registersOf(operand.getType()));
  if (op->getNumResults() == 1 && isUniform(op->getResult(0)))
    registers = 1;
  double each =
      llvm::TypeSwitch<Operation *, double>(op)
          .Case<arith::AddIOp, arith::SubIOp, arith::AndIOp, arith::OrIOp,
                arith::XOrIOp, arith::CmpIOp, arith::MinSIOp, arith::MaxSIOp>(
              [&](auto) { return costs.simple; })
          .Case<arith::ShLIOp, arith::ShRUIOp, arith::ShRSIOp>(
              [&](auto) { return costs.shift; })
          .Case([&](arith::MulIOp) { return costs.multiply; })
          .Case([&](arith::SelectOp) { return costs.select; })
          .Case<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::CmpFOp,
                arith::NegFOp, math::FmaOp>([&](auto) { return costs.floats; })
          .Case([&](arith::DivFOp) { return costs.divide; })
          .Case<arith::SIToFPOp, arith::FPToSIOp, arith::ExtFOp,
                arith::TruncFOp, arith::ExtUIOp, arith::TruncIOp>(
              [&](auto) { return costs.convert; })
          .Case<vector::ShuffleOp, vector::InterleaveOp>(
              [&](auto) { return costs.shuffle; })
          .Default([](Operation *) { return 0.0; });
  return {registers * each, 0, 0};
}

/// Whether `value` is a number of memory to all lanes: an operand of the
/// instruction that reads it, or a load of its own.
static bool isLoadedNumber(Value value) {
  return value.getDefiningOp<LLVM::LoadOp>();
}

Cycles CostWalk::cyclesOf(Operation *op) {
  if (auto load = dyn_cast<LLVM::LoadOp>(op))
    return {0, costs.load * registersOf(load.getType()), 0};
  if (auto load = dyn_cast<LLVM::MaskedLoadOp>(op))
    return {0, costs.load * registersOf(load.getType()), 0};
  if (auto store = dyn_cast<LLVM::StoreOp>(op))
    return {0, 0, costs.store * registersOf(store.getValue().getType())};
  if (auto store = dyn_cast<LLVM::MaskedStoreOp>(op))
    return {0, 0, costs.store * registersOf(store.getValue().getType())};
  if (isa<LLVM::masked_gather>(op))
    return {costs.gatherVector, costs.gather, 0};
  if (auto broadcast = dyn_cast<vector::BroadcastOp>(op))
    return {isLoadedNumber(broadcast.getSource()) ? 0 : costs.shuffle, 0, 0};
  if (auto intrinsic = dyn_cast<LLVM::CallIntrinsicOp>(op))
    return intrinsicOf(intrinsic);
  bool isVector = llvm::any_of(op->getResultTypes(), llvm::IsaPred<VectorType>);
  return isVector ? arithmeticOf(op) : Cycles();
}

KernelCost codegen::predictCost(func::FuncOp function,
                                ArrayRef<int64_t> arguments,
                                const OperationCosts &costs) {
  IRRewriter rewriter(function.getContext());
  auto module = function->getParentOfType<ModuleOp>();
  DominanceInfo dominance(module);
  eliminateCommonSubExpressions(rewriter, dominance, module);
  module.walk([](LoopLikeOpInterface loop) { moveLoopInvariantCode(loop); });
  CostWalk walk(costs);
  walk.addCall(function, arguments, 1);
  return walk.cost;
}
