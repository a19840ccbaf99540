// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Goes through a panel along K, in runs that share their scales.

#ifndef QUERN_LIB_CODEGEN_CPU_PANELWALK_H
#define QUERN_LIB_CODEGEN_CPU_PANELWALK_H

#include "quern/Codegen/CPU/LinearKernel.h"

namespace quern::codegen {

using ValueList = llvm::SmallVector<mlir::Value>;

/// A run of K within a tile over which every scale is constant.
struct PanelChunk {
  mlir::Value tile;        ///< index of the tile
  ValueList tileAddresses; ///< a panel's, as its source has them
  mlir::Value base;        ///< period-aligned part of the position: K / period
  int64_t first = 0;       ///< steps of 4 K behind it
  int64_t steps = 0;       ///< in the chunk
  mlir::Value kInTile;
};

/// K of a chunk; divides tileDepth.
int64_t chunkDepth(const LinearSpec &spec, const PanelShape &shape);
/// K of a span: columns over which the scale of int8 activations is constant,
/// so that it multiplies the sum over them. A multiple of chunkDepth; whole
/// tiles, or a part of one that divides it.
int64_t spanDepth(const LinearSpec &spec, const PanelShape &shape);
/// Tiles of a span, 1 if it is shorter than one. Whoever divides K into slices
/// keeps spans whole.
int64_t spanTiles(const LinearSpec &spec, const PanelShape &shape);

/// Emits the loops over the chunks of a tile and the steps of a chunk. Whoever
/// decodes, and whoever multiplies, sees the same chunks.
class PanelWalk {
public:
  PanelWalk(KernelBuilder &builder, const LinearSpec &spec,
            const PanelShape &shape)
      : b(builder), spec(spec), shape(shape) {}

  int64_t chunkDepth() const { return codegen::chunkDepth(spec, shape); }
  int64_t chunksOfTile() const { return shape.tileDepth / chunkDepth(); }
  /// K of a chunk's start in the tensor.
  mlir::Value kOf(const PanelChunk &chunk);

  /// Chunks of a span that lie in one tile.
  int64_t chunksOfSpan() const;

  /// Calls `body` on the first `chunks` chunks of a tile, each time on
  /// `together` of them, which divides `chunks`.
  using ChunksBody = llvm::function_ref<ValueList(
      llvm::ArrayRef<PanelChunk> chunks, ValueList carried)>;
  ValueList forChunks(mlir::Value tile, const ValueList &addresses,
                      int64_t chunks, int64_t together, ValueList carried,
                      ChunksBody body);
  /// Calls `body` on the first `chunks` chunks of a tile, one by one, with what
  /// the span has so far: `zero` at its begin. At its end, `close` gets what is
  /// carried, the span's, and its first chunk.
  using ChunkBody =
      llvm::function_ref<ValueList(const PanelChunk &chunk, ValueList partial)>;
  using SpanEnd = llvm::function_ref<ValueList(
      ValueList carried, ValueList partial, const PanelChunk &first)>;
  ValueList forSpans(mlir::Value tile, const ValueList &addresses,
                     int64_t chunks, ValueList carried, const ValueList &zero,
                     ChunkBody body, SpanEnd close);
  /// Calls `body` on the spans of the first `chunks` chunks, each as one chunk,
  /// for sources that do not read pieces: where these are is not said.
  ValueList forSpans(mlir::Value tile, const ValueList &addresses,
                     int64_t chunks, ValueList carried, ChunkBody body);
  /// The first `depth` K of chunk `index`.
  PanelChunk partOfChunk(mlir::Value tile, const ValueList &addresses,
                         int64_t index, int64_t depth);

  /// Calls `body` on the steps of a chunk: in a loop over parts of at most
  /// `most` steps, or the least number that pieces allow.
  using StepsBody = llvm::function_ref<ValueList(
      const PanelChunk &part, int64_t steps, ValueList carried)>;
  ValueList forSteps(const PanelChunk &chunk, int64_t most, ValueList carried,
                     StepsBody body);

private:
  /// Calls `body` on 0 to `count` - 1, in a loop if that is more than once.
  ValueList forEach(
      int64_t count, ValueList carried,
      llvm::function_ref<ValueList(mlir::Value index, ValueList carried)> body);
  /// The `count` chunks of group `group` of as many.
  llvm::SmallVector<PanelChunk> chunksOf(mlir::Value tile,
                                         const ValueList &addresses,
                                         mlir::Value group, int64_t count);

  KernelBuilder &b;
  const LinearSpec &spec;
  const PanelShape &shape;
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_PANELWALK_H
