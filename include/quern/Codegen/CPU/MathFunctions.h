// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Functions of one number that kernels apply: activations, soft caps.
//
// Vectors of 16 lanes in and out. Arithmetic is that of KernelBuilder without
// fused products: the same bits on every instruction set. Zero gives zero.

#ifndef QUERN_CODEGEN_CPU_MATHFUNCTIONS_H
#define QUERN_CODEGEN_CPU_MATHFUNCTIONS_H

#include "quern/Codegen/CPU/KernelBuilder.h"

namespace quern::codegen {

/// The function that `#nn<activation>` calls `name`.
mlir::Value applyActivation(KernelBuilder &builder, llvm::StringRef name,
                            mlir::Value x);

/// tanh(x), relative error below 2^-21.
mlir::Value tanh(KernelBuilder &builder, mlir::Value x);

/// cap * tanh(x / cap).
mlir::Value applySoftcap(KernelBuilder &builder, mlir::Value x, float cap);

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_MATHFUNCTIONS_H
