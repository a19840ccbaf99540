// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Addresses and element conversion of the KV cache.

#ifndef QUERN_LIB_CODEGEN_CPU_CACHEACCESS_H
#define QUERN_LIB_CODEGEN_CPU_CACHEACCESS_H

#include "quern/Codegen/CPU/Kernels.h"

namespace quern::codegen {

/// Emits access to one layer of a cache.
class CacheAccess {
public:
  CacheAccess(KernelBuilder &builder, const CacheShape &shape,
              mlir::Value layer, mlir::Value capacity)
      : b(builder), shape(shape), layer(layer), capacity(capacity) {}

  /// Key component 0 of the 16 positions of `block`; the next component is 16
  /// elements further.
  mlir::Value keyBlock(mlir::Value head, mlir::Value block);
  /// Value component 0 at `position`.
  mlir::Value valueRow(mlir::Value head, mlir::Value position);

  /// 16 elements as f32.
  mlir::Value load(mlir::Value address);
  /// 16 f32 as elements.
  void store(mlir::Value vector, mlir::Value address);
  void storeScalar(mlir::Value scalar, mlir::Value address);

private:
  KernelBuilder &b;
  const CacheShape &shape;
  mlir::Value layer;
  mlir::Value capacity;
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_CACHEACCESS_H
