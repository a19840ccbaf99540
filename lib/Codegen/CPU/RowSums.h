// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Sums of codes in rows of int8 activations, as ActivationRow has them.

#ifndef QUERN_LIB_CODEGEN_CPU_ROWSUMS_H
#define QUERN_LIB_CODEGEN_CPU_ROWSUMS_H

#include "quern/Codegen/CPU/ActivationRow.h"
#include "quern/Codegen/CPU/KernelBuilder.h"

namespace quern::codegen {

/// The sum over `columns` columns at `address`, i32.
mlir::Value loadRowSum(KernelBuilder &b, mlir::Value address, int64_t columns);
void storeRowSum(KernelBuilder &b, mlir::Value sum, mlir::Value address,
                 int64_t columns);

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_ROWSUMS_H
