// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A weight seen as a matrix with a format. Internal to Pack.

#ifndef QUERN_LIB_PACK_PACKEDGLOBAL_H
#define QUERN_LIB_PACK_PACKEDGLOBAL_H

#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Numerics/Format.h"
#include "quern/Numerics/Layout.h"

namespace quern::pack {

/// Extents of a weight as a matrix; a vector is one row.
struct MatrixShape {
  int64_t rows = 0;
  int64_t cols = 0;
};

/// Fails unless `type` has one or two dimensions.
Result<MatrixShape> matrixShapeOf(mlir::RankedTensorType type);

/// A `param.global` whose layout is known to fit.
struct PackedGlobal {
  param::GlobalOp global;
  MatrixShape shape;
  numerics::Format format;
  numerics::Layout layout;
};

/// Fails unless `global` has a layout and that places every bit of its format.
Result<PackedGlobal> packedGlobalOf(param::GlobalOp global);

} // namespace quern::pack

#endif // QUERN_LIB_PACK_PACKEDGLOBAL_H
