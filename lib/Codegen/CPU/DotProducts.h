// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Dot products of short runs of K and table look-ups, in the
// instructions that a target has.

#ifndef QUERN_LIB_CODEGEN_CPU_DOTPRODUCTS_H
#define QUERN_LIB_CODEGEN_CPU_DOTPRODUCTS_H

#include "quern/Codegen/CPU/KernelBuilder.h"

namespace quern::codegen {

/// Whether byteDot takes weights of `weightBits` bits as signed bytes: then 128
/// is subtracted from them first.
bool dotTakesSigned(const CpuTarget &target, unsigned weightBits);

/// sum[lane] + the four products of bytes of weights[lane] and of `word` (i32,
/// signed bytes), exactly. `weights`, 16 lanes of i32, holds unsigned values of
/// `weightBits` bits, or signed bytes where dotTakesSigned says so.
mlir::Value byteDot(KernelBuilder &b, mlir::Value sum, mlir::Value weights,
                    unsigned weightBits, mlir::Value word);

/// Where the target has no instruction that sums four products to 32 bits:
/// steps of four K that are added up in words before they are widened. 0:
/// byteDot is as good.
int64_t wordSumSteps(const CpuTarget &target, unsigned weightBits);

/// sums[2 * lane …] + the pairs of products of what byteDot sums. `sums`: 32
/// words, or null for zeros.
mlir::Value addBytePairs(KernelBuilder &b, mlir::Value sums,
                         mlir::Value weights, mlir::Value word);

/// sum[lane] + both words of sums[2 * lane …].
mlir::Value addWordSums(KernelBuilder &b, mlir::Value sum, mlir::Value sums);

/// Makes all of `sums`, vectors of two registers, be there before what uses the
/// result begins: instructions are not moved across, so that registers suffice.
void fixSums(KernelBuilder &b, llvm::MutableArrayRef<mlir::Value> sums);

/// Whether the target sums products of words, but not of bytes of all 8 bits,
/// in one instruction.
bool hasWordDot(const CpuTarget &target);

/// sum[lane] + the four products of signed words and of the signed bytes of
/// `word` (i32), exactly. `weights`: 16 lanes of the words of bytes 0 and 2,
/// and 16 of those of bytes 1 and 3. For targets with hasWordDot.
mlir::Value wordDot(KernelBuilder &b, mlir::Value sum,
                    llvm::ArrayRef<mlir::Value> weights, mlir::Value word);

/// sum[lane] + the two products of signed words of pairs[lane] and of `word`
/// (both i32), exactly.
mlir::Value wordPairDot(KernelBuilder &b, mlir::Value sum, mlir::Value pairs,
                        mlir::Value word);

/// 32 values of bfloat16: those of `first` and `second`, rounded to nearest
/// even, in turn. For targets with a bfloat16 dot product.
mlir::Value bf16Pairs(KernelBuilder &b, mlir::Value first, mlir::Value second);

/// sum[lane] + the two products of bfloat16 values of pairs[2 * lane …] and of
/// `word` (i32), rounded as Bf16Dot says.
mlir::Value bf16Dot(KernelBuilder &b, mlir::Value sum, mlir::Value pairs,
                    mlir::Value word);

/// Bytes of `table`, 16 of them, at the indices (below 16) in the bytes of
/// `index`, 16 lanes of i32. For targets with TableLookup.
mlir::Value lookupBytes(KernelBuilder &b, llvm::ArrayRef<int8_t> table,
                        mlir::Value index);

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_DOTPRODUCTS_H
