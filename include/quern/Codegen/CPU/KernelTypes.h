// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the types of a kernel's operands mean to the generator.

#ifndef QUERN_CODEGEN_CPU_KERNELTYPES_H
#define QUERN_CODEGEN_CPU_KERNELTYPES_H

#include "mlir/IR/BuiltinTypes.h"
#include "quern/Codegen/CPU/CacheShape.h"
#include "quern/Codegen/CPU/LinearKernel.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKOps.h"

namespace quern::codegen {

/// Unscaled numbers of a float type.
numerics::Format plainFormat(mlir::Type element);

/// The format of a weight's codes: its encoding, or its element type as an
/// unscaled float.
numerics::Format weightFormat(mlir::RankedTensorType type);

/// How rows of `type`, [tokens, width], lie in the arena.
Result<ActivationRow> activationRow(mlir::Type type);

/// How keys and values of an `!nn.kv_cache` lie.
CacheShape cacheShape(mlir::Type type);

/// The weight that `operand` of a kernel loads, or null.
param::GlobalOp weightOf(mlir::Value operand);

/// The panel layout of a weight; an error without one.
Result<numerics::Layout> panelLayout(param::GlobalOp weight);

/// The static facts of a linear kernel, its tile left out.
Result<LinearSpec> linearSpec(qk::KernelOp kernel);

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_KERNELTYPES_H
