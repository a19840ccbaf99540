// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Addresses in the KV cache, and decoding of what lies there.

#ifndef QUERN_LIB_CODEGEN_CPU_CACHEACCESS_H
#define QUERN_LIB_CODEGEN_CPU_CACHEACCESS_H

#include "quern/Codegen/CPU/Kernels.h"

namespace quern::codegen {

/// Emits access to one layer of a cache.
class CacheAccess {
public:
  CacheAccess(KernelBuilder &builder, const CacheShape &shape,
              mlir::Value layer, mlir::Value capacity)
      : b(builder), v(builder), shape(shape), layer(layer), capacity(capacity) {
  }

  mlir::Value keyBlock(mlir::Value head, mlir::Value block);
  mlir::Value valueRow(mlir::Value head, mlir::Value position);

  /// Calls `body` for each column in order with the numbers that the 16 keys of
  /// each of `blocks` have there.
  using KeyFold = std::function<llvm::SmallVector<mlir::Value>(
      mlir::Value column, mlir::ValueRange keys, mlir::ValueRange carried)>;
  llvm::SmallVector<mlir::Value> foldKeys(mlir::ValueRange blocks,
                                          mlir::ValueRange initial,
                                          const KeyFold &body);

  /// The numbers of columns [16 * chunk, 16 * chunk + 16) of the row at `row`;
  /// columns past its end hold anything.
  mlir::Value loadValues(mlir::Value row, int64_t chunk);

private:
  using Values = llvm::SmallVector<mlir::Value>;
  /// Decoded scale and offset; null where the format has none.
  struct Parameters {
    mlir::Value scale, offset;
  };

  Values loadCodes(const LaneCodes &codes, mlir::Value address,
                   mlir::Value period, int64_t count);
  mlir::Value extend(mlir::Value codes, const numerics::Element &element);
  Parameters keyParameters(mlir::Value block, mlir::Value column);
  Parameters valueParameters(mlir::Value row, int64_t chunk);
  mlir::Value keySlots(const numerics::Plane &plane, mlir::Value block,
                       mlir::Value column);
  mlir::Value valueSlot(const numerics::Plane &plane, mlir::Value row,
                        int64_t column);
  mlir::Value valueSlots(const numerics::Plane &plane, mlir::Value row,
                         int64_t chunk);
  const numerics::Plane &planeAt(const std::string &path);
  mlir::Value decode(mlir::Value code, const Parameters &parameters);

  KernelBuilder &b;
  VectorValues v;
  const CacheShape &shape;
  std::vector<numerics::Plane> planes = numerics::planesOf(shape.format);
  mlir::Value layer;
  mlir::Value capacity;
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_CACHEACCESS_H
