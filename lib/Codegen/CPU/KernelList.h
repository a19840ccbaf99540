// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What `forward` runs, for those who measure it: `qk.kernels`.

#ifndef QUERN_LIB_CODEGEN_CPU_KERNELLIST_H
#define QUERN_LIB_CODEGEN_CPU_KERNELLIST_H

#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKOps.h"
#include "llvm/ADT/DenseMap.h"

namespace quern::codegen {

/// The kernels that `forward` calls, in order. An entry is a dictionary:
///
///   function   the kernel's function; kernels of one shape share it
///   kind       as in qk.kernel
///   layer      of the model; absent before the first and after the last
///   rows       "tokens" or, of those after last_rows, "logits"
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
  /// Adds a kernel and gives its index. `isLogits`: it has only the rows that
  /// logits are computed for.
  int64_t append(qk::KernelOp kernel, llvm::StringRef function, bool isLogits);
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
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_KERNELLIST_H
