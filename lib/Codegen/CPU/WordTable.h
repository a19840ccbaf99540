// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Tables of up to 256 integers, held in registers as words of 16 bits.

#ifndef QUERN_LIB_CODEGEN_CPU_WORDTABLE_H
#define QUERN_LIB_CODEGEN_CPU_WORDTABLE_H

#include "quern/Codegen/CPU/KernelBuilder.h"

namespace quern::codegen {

/// The integers of `values` plus `bias`, by the codes in the bytes of `codes`,
/// 16 lanes of i32, as one vector of bytes, or as two, of the high bytes and of
/// the low ones. `values`: 32, 64, 128 or 256. For TableLookup::Avx512.
llvm::SmallVector<mlir::Value> lookupPlanes(KernelBuilder &b,
                                            llvm::ArrayRef<int> values,
                                            int bias, int planes,
                                            mlir::Value codes);

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_WORDTABLE_H
