// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The function that runs the whole model: frame, addresses, barriers.

#include "ForwardBuilder.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

//===----------------------------------------------------------------------===//
// Frame
//===----------------------------------------------------------------------===//

void ForwardBuilder::loadStep() {
  // Fields of quern_step (Runtime/StepABI.h) by index.
  auto field = [&](int64_t index, Type type) {
    return b.load(type, b.offset(step, 8 * index), 8);
  };
  Type p = b.ptrType(), i = b.getI64Type();
  weights = field(0, p);
  arena = field(1, p);
  cache = field(2, p);
  Value allScratch = field(3, p);
  scratch = b.offset(allScratch, b.mul(field(4, i), worker));
  partialsOffset = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
  partials =
      LLVM::GEPOp::create(b, p, b.getI8Type(), allScratch,
                          ArrayRef<LLVM::GEPArg>{partialsOffset.getResult()});
  tokens = field(5, p);
  logits = field(6, p);
  count = field(7, i);
  position = field(8, i);
  logitRows = field(9, i);
  capacity = field(10, i);
  workers = field(11, i);
  barrier = field(12, p);
  pool = field(13, p);
  mark = field(14, p);
}

void ForwardBuilder::begin() {
  int64_t globals = 0;
  for (auto global : module.getOps<param::GlobalOp>())
    globalIndex[global] = globals++;
  Type p = b.ptrType(), i = b.getI64Type();
  b.setInsertionPointToStart(module.getBody());
  auto table = LLVM::GlobalOp::create(
      b, LLVM::LLVMArrayType::get(i, globals), /*isConstant=*/true,
      LLVM::Linkage::External, "quern_tensor_offsets", Attribute());
  func::FuncOp forward = b.beginFunction("quern_forward_" + target.isa, {p, i});
  forward.setPublic();
  forward->removeAttr("llvm.linkage");
  step = forward.getArgument(0);
  worker = forward.getArgument(1);
  offsets = LLVM::AddressOfOp::create(b, table);
  exit = forward.addBlock();
  loadStep();
}

void ForwardBuilder::setPlanAttribute() {
  NamedAttrList entries;
  auto set = [&](StringRef name, int64_t value) {
    entries.set(name, b.getI64IntegerAttr(value));
  };
  scratchBytes = llvm::alignTo(scratchBytes, 64);
  partialsOffset.setValueAttr(b.getI64IntegerAttr(scratchBytes));
  set("arena_bytes", plan.arenaBytes());
  set("scratch_bytes", scratchBytes + partialBytes);
  set("scratch_bytes_per_token", scratchBytesPerToken);
  set("cache_bytes_per_token", cacheBytesPerToken);
  set("max_chunk", maxChunk);
  module->setAttr("qk.plan", entries.getDictionary(b.getContext()));
  module->setAttr("qk.kernels", list.get(b.getContext()));
}

LogicalResult ForwardBuilder::build() {
  begin();
  for (Operation &op : source.getBody().front())
    if (auto kernel = dyn_cast<qk::KernelOp>(op))
      if (failed(lower(kernel)))
        return failure();
  cf::BranchOp::create(b, exit);
  b.setInsertionPointToStart(exit);
  b.endFunction();
  setPlanAttribute();
  return success();
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

bool ForwardBuilder::isReturned(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    return isa<func::ReturnOp>(user);
  });
}

Value ForwardBuilder::address(Value activation) {
  if (Value view = views.lookup(activation))
    return view;
  if (isReturned(activation))
    return logits;
  return b.offset(arena, plan.slot(plan.slotOf(activation)).offset);
}

Value ForwardBuilder::rowsOf(Value activation) {
  Value rows = viewRows.lookup(activation);
  return rows ? rows : count;
}

Value ForwardBuilder::weightAddress(param::GlobalOp weight) {
  Value at = b.offset(offsets, 8 * globalIndex.lookup(weight));
  return b.offset(weights, b.load(b.getI64Type(), at, 8));
}

void ForwardBuilder::appendSegments(param::GlobalOp weight, Values &operands) {
  Result<numerics::Layout> layout = panelLayout(weight);
  Value base = weightAddress(weight);
  ArrayRef<int64_t> shape = weight.getTensorType().getShape();
  for (size_t s = 0; s < layout->segments.size(); ++s)
    operands.push_back(b.offset(
        base, numerics::segmentOffset(*layout, s, shape[0], shape[1])));
}

CacheShape ForwardBuilder::cacheShape(qk::KernelOp kernel) {
  CacheShape shape = codegen::cacheShape(kernel.getInput("cache").getType());
  cacheBytesPerToken = shape.bytesPerToken();
  return shape;
}

/// A kernel's integer attribute.
static int64_t integerOf(qk::KernelOp kernel, StringRef name) {
  return cast<IntegerAttr>(kernel->getAttr(name)).getInt();
}

Value ForwardBuilder::layerAddress(qk::KernelOp kernel,
                                   const CacheShape &shape) {
  int64_t before = integerOf(kernel, "layer") *
                   (shape.keyBytesPerToken() + shape.valueBytesPerToken());
  return b.offset(cache, b.mul(capacity, before));
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void ForwardBuilder::meetWorkers() {
  auto call =
      LLVM::CallOp::create(b,
                           LLVM::LLVMFunctionType::get(
                               b.getI64Type(), {b.ptrType(), b.getI64Type()}),
                           ValueRange{barrier, pool, worker});
  // All workers get the same answer: either all leave or none does.
  Value isCancelled = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                            call.getResult(), b.i64(0));
  Block *next = new Block;
  exit->getParent()->getBlocks().insert(exit->getIterator(), next);
  cf::CondBranchOp::create(b, isCancelled, exit, next);
  b.setInsertionPointToStart(next);
}

void ForwardBuilder::synchronize(qk::KernelOp kernel) {
  // A slot of the arena is a resource, a layer of the cache another.
  constexpr int64_t firstLayer = 1 << 20;
  std::set<int64_t> reads, writes;
  for (Value operand : kernel.getInputs())
    if (plan.slotOf(operand) >= 0)
      reads.insert(plan.slotOf(operand));
  for (Value result : kernel->getResults())
    if (plan.slotOf(result) >= 0)
      writes.insert(plan.slotOf(result));
  if (kernel.getInput("cache")) {
    bool appends = kernel.getKind() == qk::KernelKind::KVAppend;
    (appends ? writes : reads).insert(firstLayer + integerOf(kernel, "layer"));
  }
  auto meets = [](const std::set<int64_t> &a, const std::set<int64_t> &c) {
    return llvm::any_of(a, [&](int64_t x) { return c.count(x) != 0; });
  };
  if (meets(reads, written) || meets(writes, written) || meets(writes, read)) {
    meetWorkers();
    written.clear();
    read.clear();
  }
  written.insert(writes.begin(), writes.end());
  read.insert(reads.begin(), reads.end());
}

FailureOr<std::string>
ForwardBuilder::define(qk::KernelOp kernel, const std::string &key,
                       function_ref<Status(StringRef name)> emit) {
  std::string &name = kernelNames[key];
  if (name.empty()) {
    name = (qk::stringifyKernelKind(kernel.getKind()) + "_" +
            Twine(kernelNames.size()))
               .str();
    if (Status status = emit(name); !status)
      return kernel.emitOpError() << status.message();
  }
  return name;
}

LogicalResult ForwardBuilder::call(qk::KernelOp kernel, const std::string &key,
                                   function_ref<Status(StringRef name)> emit,
                                   Values operands) {
  FailureOr<std::string> name = define(kernel, key, emit);
  if (failed(name))
    return failure();
  synchronize(kernel);
  func::CallOp::create(b, *name, TypeRange{}, operands);
  markDone(list.append(kernel, *name, rowsPerTokenOf(kernel)));
  return success();
}

/// Rows that `kernel` goes through for each token, at least.
int64_t ForwardBuilder::rowsPerTokenOf(qk::KernelOp kernel) {
  Value x = kernel.getInput("x");
  if (kernel->getNumResults() == 0 || !x)
    return kernel->getNumResults() ? plan.rowsPerToken(kernel->getResult(0))
                                   : 1;
  return std::min(plan.rowsPerToken(x),
                  plan.rowsPerToken(kernel->getResult(0)));
}

void ForwardBuilder::markDone(int64_t kernel) {
  Value null = LLVM::ZeroOp::create(b, b.ptrType());
  Value isMeasured =
      LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, mark, null);
  b.ifThen(isMeasured, [&] {
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(b.getContext()),
        {b.ptrType(), b.getI64Type(), b.getI64Type()});
    LLVM::CallOp::create(b, type,
                         ValueRange{mark, pool, worker, b.i64(kernel)});
  });
}
