// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What `forward` runs, for those who measure it: `qk.kernels`.

#ifndef QUERN_LIB_CODEGEN_CPU_KERNELLIST_H
#define QUERN_LIB_CODEGEN_CPU_KERNELLIST_H

#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace quern::codegen {

/// The kernels that `forward` calls, in order. An entry is a dictionary:
///
///   function   the kernel's function; kernels of one shape share it
///   kind       as in qk.kernel
///   layer      of the model; absent before the first and after the last
///   rows       "tokens" or, of those after last_rows, "logits"
///   rows_per_token   if more than one: as many as experts that a token chooses
///   width      columns of the result; absent without one
///   compute    the type that products are computed in; "f32" unless the
///              kernel says otherwise
///   tile       [rows, columns] held in registers; absent without a tile
///   reads      {role = bytes a row} of the activations that it reads
///   writes     bytes a row of the activations that it writes; absent without
///   weights    [{role, name, format, shape, bytes}]
///   cache      {key, value: bytes a token and layer, window: tokens, 0 for
///              all}; absent for those that leave the KV cache alone
class KernelList {
public:
  /// From here on `value`, and what is computed from it, has only the rows that
  /// logits are computed for.
  void beginLogits(mlir::Value value) { logits.insert(value); }
  /// Adds a kernel and gives its index.
  int64_t append(qk::KernelOp kernel, llvm::StringRef function,
                 int64_t rowsPerToken);
  /// The index of the kernel that was added last.
  int64_t last() const { return int64_t(entries.size()) - 1; }

  mlir::ArrayAttr get(mlir::MLIRContext *context) const {
    return mlir::ArrayAttr::get(context, entries);
  }

private:
  int64_t layerOf(qk::KernelOp kernel);

  llvm::SmallVector<mlir::Attribute> entries;
  /// Of each result, kNoLayer outside the layers.
  llvm::DenseMap<mlir::Value, int64_t> layers;
  llvm::DenseSet<mlir::Value> logits;
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_KERNELLIST_H
