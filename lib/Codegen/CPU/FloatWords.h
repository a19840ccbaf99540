// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Integers of 16 bits of small floats, by the conversion of binary16.

#ifndef QUERN_LIB_CODEGEN_CPU_FLOATWORDS_H
#define QUERN_LIB_CODEGEN_CPU_FLOATWORDS_H

#include "quern/Codegen/CPU/KernelBuilder.h"
#include "quern/Numerics/IntegerElement.h"

namespace quern::codegen {

/// The integers (integerElement) of codes of `type` in the bytes of `codes`, 16
/// lanes of i32: 16 lanes of the words of bytes 0 and 2, and 16 of those of
/// bytes 1 and 3. For BytesRecipe::HalfFloats.
llvm::SmallVector<mlir::Value>
floatWords(KernelBuilder &b, const numerics::FloatType &type,
           const numerics::IntegerElement &integer, mlir::Value codes);

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_FLOATWORDS_H
