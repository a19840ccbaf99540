// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attention of several query rows over a tile of keys and values.

#ifndef QUERN_LIB_CODEGEN_CPU_ATTENTIONTILE_H
#define QUERN_LIB_CODEGEN_CPU_ATTENTIONTILE_H

#include "CacheAccess.h"

namespace quern::codegen {

/// What lies in a worker's private memory, and the sizes of tiles. Offsets are
/// multiples of 64 bytes. A row's state is the weighted sum of values, the sum
/// of weights in 16 lanes, the largest score, and the last tile's factor.
struct AttentionMemory {
  explicit AttentionMemory(const AttentionSpec &spec);

  /// Of a state. The largest score and the factor follow the lanes' sums.
  int64_t sumOffset() const { return 4 * columns; }
  int64_t maximumOffset() const { return sumOffset() + 4 * kLanes; }
  int64_t factorOffset() const { return maximumOffset() + 4; }
  int64_t stateBytes() const { return sumOffset() + 2 * 4 * kLanes; }

  int64_t columns; ///< of a value, padded to whole vectors
  int64_t tokens;  ///< of a tile of queries
  int64_t rows;    ///< query rows of such a tile, padded to kRowStep
  int64_t queries, scores, partials, totals, keys, values; ///< offsets
  int64_t bytes;
};

/// Keys of a tile: a multiple of 16, the same on every instruction set.
constexpr int64_t kTileKeys = 64;
static_assert(kAttentionChunk % kTileKeys == 0);
/// Rows of a tile of queries are padded to a multiple of this, which the rows
/// of a register tile divide.
constexpr int64_t kRowStep = 8;

/// Query rows (tokens by the heads that share a key head) of one key head.
struct QueryRows {
  mlir::Value query;  ///< f32 [rows][headDim]
  mlir::Value states; ///< [rows]
  mlir::Value firstPosition;
  mlir::Value count; ///< of rows, a multiple of kRowStep unless fixed
  /// If not 0, the number of rows is this.
  int64_t fixedCount = 0;
};

/// Emits the steps of attention for QueryRows.
class AttentionTile {
public:
  using Values = llvm::SmallVector<mlir::Value>;

  AttentionTile(KernelBuilder &builder, const AttentionSpec &spec,
                const AttentionMemory &memory, CacheAccess &cache,
                mlir::Value scratch)
      : b(builder), v(builder), spec(spec), memory(memory), cache(cache),
        scratch(scratch) {}

  void clear(mlir::Value states, mlir::Value count);
  /// Adds keys [begin, end), at most kTileKeys and `begin` a multiple of that,
  /// to the rows' states. Rows of one register tile have keys and values
  /// decoded in registers; for more, that is done once, into memory.
  void addKeys(const QueryRows &rows, mlir::Value head, mlir::Value begin,
               mlir::Value end);
  /// total += partial, of one row.
  void merge(mlir::Value total, mlir::Value partial);
  /// Divides one row by its sum of weights.
  void finish(mlir::Value state, mlir::Value output);

private:
  /// Calls a fold's body for columns of `count` blocks from `first` on.
  using KeySource = llvm::function_ref<Values(
      mlir::Value first, int64_t count, mlir::ValueRange initial,
      const CacheAccess::KeyFold &body)>;
  /// The numbers of 16 columns of a key's value.
  using ValueSource =
      llvm::function_ref<mlir::Value(mlir::Value key, int64_t chunk)>;

  /// Calls `body(n, first)` for runs of at most a register tile's rows.
  void forRowTiles(const QueryRows &rows,
                   llvm::function_ref<void(int64_t, mlir::Value)> body);
  void decodeTile(mlir::Value head, mlir::Value begin, mlir::Value count);
  void addFromMemory(const QueryRows &rows, mlir::Value begin,
                     mlir::Value count);
  void addFromCache(const QueryRows &rows, mlir::Value head, mlir::Value begin,
                    mlir::Value count);
  void addFrom(const QueryRows &rows, mlir::Value begin, mlir::Value count,
               KeySource keys, ValueSource values);
  void scoreRows(const QueryRows &rows, int64_t n, mlir::Value first,
                 mlir::Value count, KeySource keys);
  Values maskedScores(mlir::Value scores, mlir::Value seen);
  void weighRow(const QueryRows &rows, mlir::Value row, mlir::Value begin);
  void addValues(const QueryRows &rows, int64_t n, mlir::Value first,
                 mlir::Value count, ValueSource values);
  mlir::Value exponential(mlir::Value x);
  mlir::Value scoreRow(mlir::Value row) {
    return b.offset(scratch, b.add(b.mul(row, 4 * kTileKeys), memory.scores));
  }

  KernelBuilder &b;
  VectorValues v;
  const AttentionSpec &spec;
  const AttentionMemory &memory;
  CacheAccess &cache;
  mlir::Value scratch;
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_ATTENTIONTILE_H
