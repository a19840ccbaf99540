// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Kernels other than the matrix product.
//
// Each function emits one kernel. Its arguments are listed in order; M is the
// number of tokens, `worker` and `workers` (i64) select the caller's share.
// Rows of activations lie as ActivationRow says.

#ifndef QUERN_CODEGEN_CPU_KERNELS_H
#define QUERN_CODEGEN_CPU_KERNELS_H

#include "quern/Codegen/CPU/ActivationRow.h"
#include "quern/Codegen/CPU/CacheShape.h"
#include "quern/Codegen/CPU/PanelReader.h"

namespace quern::codegen {

/// y = encode(x): from F32 rows to Int8 or BF16 rows, in `format`.
/// Arguments: x ptr, y ptr, M, worker, workers.
Status emitQuantizeKernel(KernelBuilder &builder, llvm::StringRef name,
                          const numerics::Format &format,
                          const ActivationRow &output);

/// y = decode(table)[tokens]. Arguments: tokens ptr (i32), y ptr, M, worker,
/// workers, one ptr a segment of the table.
Status emitEmbeddingKernel(KernelBuilder &builder, llvm::StringRef name,
                           const numerics::Format &format,
                           const numerics::Layout &layout, int64_t width);

struct NormSpec {
  int64_t width = 0;
  int64_t group = 0; ///< columns that are normalised together
  float eps = 0;
  bool unitOffset = false; ///< the factor is 1 + weight

  std::string key() const;
};

/// y = x / sqrt(mean(x^2) + eps) * weight over each run of `group` columns.
/// Arguments: x ptr, y ptr, weight ptr (f32[group]), M, worker, workers.
void emitRmsNormKernel(KernelBuilder &builder, llvm::StringRef name,
                       const NormSpec &spec);

/// y = (x - mean) / sqrt(variance + eps) * weight + bias over each row of
/// `width` columns. Arguments: x ptr, y ptr, weight ptr, bias ptr (f32[width]
/// both; the second is not read without `hasBias`), M, worker, workers.
void emitLayerNormKernel(KernelBuilder &builder, llvm::StringRef name,
                         int64_t width, float eps, bool hasBias);

/// y[m] = x[m] + table[position + m]. Arguments: x ptr, y ptr, table ptr (f32
/// [positions, width]), M, position i64, worker, workers.
void emitAddPositionsKernel(KernelBuilder &builder, llvm::StringRef name,
                            int64_t width);

/// Rotates the pairs (i, i + rotated / 2) of each head by the angles of the
/// token's position; what is behind the first `rotated` columns stays.
/// Arguments: x ptr, y ptr, table ptr (f32 [positions, rotated]: cosines, then
/// as many sines), M, position i64, worker, workers.
void emitRopeKernel(KernelBuilder &builder, llvm::StringRef name, int64_t width,
                    int64_t headDim, int64_t rotated);

/// y = the normalised Walsh-Hadamard transform of each run of `group` columns,
/// a power of two. Arguments: x ptr, y ptr, M, worker, workers.
void emitHadamardKernel(KernelBuilder &builder, llvm::StringRef name,
                        int64_t width, int64_t group);

/// y[m, i] = x[m, columns[i]] for `width` columns, 0 where that is not below
/// `inputWidth`. `format` is that of the numbers of columns, unsigned integers
/// of 8 or 16 bits in dense order. Arguments: x ptr, y ptr, columns ptr, M,
/// worker, workers.
Status emitGatherColumnsKernel(KernelBuilder &builder, llvm::StringRef name,
                               const numerics::Format &format,
                               int64_t inputWidth, int64_t width);

/// y[m, i] = x[m, i] * decode(scales[i]). `format` is a float of 8, 16 or 32
/// bits, its codes in dense order. Arguments: x ptr, y ptr, scales ptr, M,
/// worker, workers.
Status emitScaleColumnsKernel(KernelBuilder &builder, llvm::StringRef name,
                              const numerics::Format &format, int64_t width);

/// y = lhs + rhs. Arguments: lhs ptr, rhs ptr, y ptr, M, worker, workers.
void emitAddKernel(KernelBuilder &builder, llvm::StringRef name, int64_t width);

/// y = f(gate) * up, with f the activation called so. Arguments as for add.
void emitGatedKernel(KernelBuilder &builder, llvm::StringRef name,
                     llvm::StringRef activation, int64_t width);

/// y = f(x), where f of 16 lanes is what `apply` emits; f(0) must be 0.
/// Arguments: x ptr, y ptr, bytes between rows of y i64, M, worker, workers.
void emitMapKernel(KernelBuilder &builder, llvm::StringRef name, int64_t width,
                   llvm::function_ref<mlir::Value(mlir::Value)> apply);

/// Experts, and how many of them a token chooses.
struct RoutingSpec {
  int64_t experts = 0;
  int64_t top = 0;
  /// Private memory that a worker needs for each of the kernels below.
  int64_t scratchBytes() const;
};

/// Chooses the experts of the largest logits: rows of their numbers, ascending,
/// then their shares, which are the softmax of the logits, if `isNormalized`
/// over the chosen ones only. Arguments: logits ptr, y ptr, M, scratch ptr,
/// worker, workers.
void emitRouteKernel(KernelBuilder &builder, llvm::StringRef name,
                     const RoutingSpec &spec, bool isNormalized);

/// y = the rows of x of the tokens that chose the first expert, then those of
/// the second, and so on: spec.top rows for each of M tokens. Arguments: x ptr,
/// y ptr, routing ptr, M, scratch ptr, worker, workers.
void emitDispatchKernel(KernelBuilder &builder, llvm::StringRef name,
                        const RoutingSpec &spec, int64_t width);

/// y[m] = the sum of the rows of x that stand for token m, times their shares.
/// Arguments as for dispatch.
void emitCombineKernel(KernelBuilder &builder, llvm::StringRef name,
                       const RoutingSpec &spec, int64_t width);

/// Private memory that a worker needs to append, in bytes.
int64_t appendScratchBytes(const CacheShape &cache);

/// Encodes keys and values of M tokens into a layer. Arguments: key ptr, value
/// ptr, layer ptr, scratch ptr, M, position, capacity (i64), worker, workers.
/// Fails if some level of the format has codes for vectors, signs apart,
/// offsets with blocks of their own, or divides by its scales.
Status emitKvAppendKernel(KernelBuilder &builder, llvm::StringRef name,
                          const CacheShape &cache);

/// Keys whose partial sums attention adds up apart: a part of the sequence that
/// begins at a multiple of it.
constexpr int64_t kAttentionChunk = 512;

struct AttentionSpec {
  CacheShape cache;
  int64_t queryHeads = 0;
  float scale = 1;
  int64_t window = 0; ///< keys seen, the token's own included; 0: all
  float softcap = 0;  ///< of scaled scores; 0: none
  /// Query heads that share a key head.
  int64_t headsTogether() const { return queryHeads / cache.heads; }
  /// Private memory that a worker needs.
  int64_t scratchBytes() const;
  /// Memory that all workers share, and what it grows by with each token that
  /// the cache holds.
  int64_t partialBytes() const;
  int64_t partialBytesPerToken() const;
};

/// Causal attention of M tokens, whose keys are in the cache already, softmax
/// in binary32. Arguments: query ptr, y ptr, layer ptr, scratch ptr, partials
/// ptr (what workers share), M, position, capacity, worker, workers.
void emitAttentionKernel(KernelBuilder &builder, llvm::StringRef name,
                         const AttentionSpec &spec);

/// Whether the workers have left parts of a result in `partials`, instead of
/// the result in y: they must then meet and call the merge kernel.
mlir::Value isAttentionSplit(KernelBuilder &builder, const AttentionSpec &spec,
                             mlir::Value tokens, mlir::Value position);

/// Adds up what attention of one token has left in `partials`. Arguments: y
/// ptr, partials ptr, position, worker, workers.
void emitAttentionMergeKernel(KernelBuilder &builder, llvm::StringRef name,
                              const AttentionSpec &spec);

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_KERNELS_H
