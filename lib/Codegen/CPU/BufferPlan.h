// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Where each result lies in the arena.

#ifndef QUERN_LIB_CODEGEN_CPU_BUFFERPLAN_H
#define QUERN_LIB_CODEGEN_CPU_BUFFERPLAN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "quern/Base/Status.h"
#include "quern/Codegen/CPU/ActivationRow.h"
#include "quern/Dialect/QK/IR/QKOps.h"
#include "llvm/ADT/DenseMap.h"
#include <vector>

namespace quern::codegen {

/// A part of the arena: rows of one kind.
struct BufferSlot {
  ActivationRow row;
  int64_t rows = 0;
  int64_t offset = 0; ///< bytes from the start of the arena
};

/// Slots of the values of a function of kernels. A slot is reused once the
/// last reader of its value is done, by values whose rows lie alike only.
class BufferPlan {
public:
  static Result<BufferPlan> create(mlir::func::FuncOp function,
                                   int64_t maxChunk);

  /// Index of the slot of `value`: of its own, or of the value it is a view of
  /// (`last_rows`); -1 for values that are no activations.
  int slotOf(mlir::Value value) const {
    auto found = slotOfValue.find(value);
    return found == slotOfValue.end() ? -1 : found->second;
  }
  const BufferSlot &slot(int index) const { return slots[index]; }
  /// Rows that an activation has for each token: one, or as many as experts are
  /// chosen.
  int64_t rowsPerToken(mlir::Value value) const {
    auto found = perToken.find(value);
    return found == perToken.end() ? 1 : found->second;
  }
  int64_t arenaBytes() const { return bytes; }

private:
  int allocate(const ActivationRow &row, int64_t rows);
  /// Of the result of `kernel`.
  int64_t rowsPerToken(qk::KernelOp kernel) const;

  std::vector<BufferSlot> slots;
  std::vector<int> freeSlots;
  llvm::DenseMap<mlir::Value, int> slotOfValue;
  llvm::DenseMap<mlir::Value, int64_t> perToken;
  int64_t bytes = 0;
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_BUFFERPLAN_H
