// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Where each result lies in the arena.

#include "BufferPlan.h"

#include "quern/Codegen/CPU/KernelTypes.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

int BufferPlan::allocate(const ActivationRow &row, int64_t rows) {
  auto fits = [&](int index) {
    return slots[index].row.key() == row.key() && slots[index].rows == rows;
  };
  auto found = llvm::find_if(freeSlots, fits);
  if (found != freeSlots.end()) {
    int index = *found;
    freeSlots.erase(found);
    return index;
  }
  slots.push_back({row, rows, bytes});
  bytes += row.stride() * rows;
  return int(slots.size()) - 1;
}

int64_t BufferPlan::rowsPerToken(qk::KernelOp kernel) const {
  if (kernel.getKind() == qk::KernelKind::Combine)
    return 1;
  if (kernel.getKind() == qk::KernelKind::Dispatch) {
    auto routing = cast<RankedTensorType>(kernel.getInput("routing").getType());
    return routing.getDimSize(1) / 2;
  }
  int64_t most = 1;
  for (Value input : kernel.getInputs())
    most = std::max(most, rowsPerToken(input));
  return most;
}

/// For each activation the last operation that reads it, views included.
static DenseMap<Value, Operation *> lastReaders(func::FuncOp function) {
  DenseMap<Value, Operation *> last;
  DenseMap<Value, Value> viewed;
  for (Operation &op : function.getBody().front()) {
    auto kernel = dyn_cast<qk::KernelOp>(op);
    if (kernel && kernel.getKind() == qk::KernelKind::LastRows)
      viewed[kernel->getResult(0)] = kernel.getInput("x");
    for (Value operand : op.getOperands()) {
      last[operand] = &op;
      for (Value source = viewed.lookup(operand); source;
           source = viewed.lookup(source))
        last[source] = &op;
    }
  }
  return last;
}

Result<BufferPlan> BufferPlan::create(func::FuncOp function, int64_t maxChunk) {
  BufferPlan plan;
  DenseMap<Value, Operation *> last = lastReaders(function);
  for (Operation &op : function.getBody().front()) {
    auto kernel = dyn_cast<qk::KernelOp>(op);
    if (!kernel)
      continue;
    bool isView = kernel.getKind() == qk::KernelKind::LastRows;
    int64_t perToken = plan.rowsPerToken(kernel);
    if (isView)
      plan.slotOfValue[kernel->getResult(0)] =
          plan.slotOf(kernel.getInput("x"));
    for (Value result : kernel->getResults()) {
      // The function's result goes into the caller's buffer.
      bool isReturned = isa_and_nonnull<func::ReturnOp>(last.lookup(result));
      if (isView || isReturned)
        continue;
      Result<ActivationRow> row = activationRow(result.getType());
      if (!row)
        return row.status();
      plan.slotOfValue[result] = plan.allocate(*row, maxChunk * perToken);
      plan.perToken[result] = perToken;
    }
    for (auto [value, reader] : last)
      if (reader == &op && plan.slotOf(value) >= 0 &&
          !llvm::is_contained(plan.freeSlots, plan.slotOf(value)))
        plan.freeSlots.push_back(plan.slotOf(value));
    // The order of a hash map must not decide where things lie.
    llvm::sort(plan.freeSlots);
  }
  return plan;
}
