// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From generated kernels to the LLVM dialect.

#ifndef QUERN_CODEGEN_CPU_PIPELINE_H
#define QUERN_CODEGEN_CPU_PIPELINE_H

#include "mlir/Pass/PassManager.h"

namespace quern::codegen {

/// Lowers functions of func, scf, arith, math and vector over raw pointers to
/// the LLVM dialect.
void buildLowerToLlvmPipeline(mlir::OpPassManager &passes);

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_PIPELINE_H
