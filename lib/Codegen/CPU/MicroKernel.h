// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One register tile of a linear kernel.

#ifndef QUERN_LIB_CODEGEN_CPU_MICROKERNEL_H
#define QUERN_LIB_CODEGEN_CPU_MICROKERNEL_H

#include "quern/Codegen/CPU/LinearKernel.h"

namespace quern::codegen {

/// Emits a function that computes `rows` rows by `panels` panels of the result,
/// over all of K. Arguments: x ptr (first row), y ptr (first row, first
/// column), bytes between rows of y i64, bias ptr (first column), residual ptr
/// (as y), columns that exist i64 (at least 1), first panel i64, one ptr a
/// segment. Panels that do not exist are neither read nor written.
class MicroKernel {
public:
  MicroKernel(KernelBuilder &builder, const LinearSpec &spec,
              const PanelShape &shape, int64_t rows, int64_t panels)
      : b(builder), reader(builder, shape), spec(spec), shape(shape),
        rows(rows), panels(panels) {}

  void emit(llvm::StringRef name);

private:
  using Values = llvm::SmallVector<mlir::Value>;

  /// A run of K within a tile over which every scale is constant.
  struct Chunk {
    mlir::Value tile;     ///< index of the tile
    Values tileAddresses; ///< a panel's
    mlir::Value base;     ///< period-aligned part of the position: K / period
    int64_t first = 0;    ///< steps of 4 K behind it
    mlir::Value kInTile;
  };
  struct Scales {
    Values scale;  ///< a panel's 16 lanes; null: unscaled
    Values offset; ///< null: none
  };

  /// What a row's group of int8 activations brings to its outputs.
  struct RowInput {
    mlir::Value scale; ///< of a dot product: times 2^-shift
    mlir::Value total; ///< factor of a weight's offset; null: none
  };

  int64_t chunkDepth() const;
  /// Adds the first `chunks` chunks of a tile.
  Values accumulateTile(mlir::Value tile, int64_t chunks, Values sums);
  Values accumulateChunk(const Chunk &chunk, Values sums);
  /// Calls `body` on the steps of a chunk: in a loop over parts of at most
  /// `most` steps, or the least number that pieces allow.
  using StepsBody = llvm::function_ref<Values(const Chunk &part, int64_t steps,
                                              Values carried)>;
  Values forSteps(const Chunk &chunk, int64_t most, Values carried,
                  StepsBody body);
  Values accumulateExact(const Chunk &chunk, const Scales &scales, Values sums);
  void exactStep(const Chunk &chunk, int64_t step, const Scales &scales,
                 Values &sums);
  /// A step by the target's dot product of bfloat16 pairs.
  void bf16Step(const Chunk &chunk, int64_t step, const Scales &scales,
                Values &sums);
  bool usesBf16Dot() const {
    return spec.roundToBf16 && b.target.bf16Dot != Bf16Dot::None;
  }
  Values accumulateInteger(const Chunk &chunk, const Scales &scales,
                           Values sums);
  /// Dot products of codes and activations over a chunk, bias taken off.
  Values integerDots(const Chunk &chunk, const Values &inputSums);
  /// The same by tiles of 16 rows of activations by 64 bytes of K.
  bool usesTiles() const { return b.target.hasTiles && rows == 16; }
  void allocateTiles();
  Values tileDots(const Chunk &chunk, const Values &inputSums);
  void tileStep(const Chunk &chunk, int64_t steps);
  void dotStep(const Chunk &chunk, int64_t step, Values &dots);
  /// A row's sum of activations over a chunk: scalar or 16 equal lanes.
  Values groupSums(const Chunk &chunk);
  mlir::Value dotStart(mlir::Value inputSum);
  RowInput rowInput(const Chunk &chunk, int64_t row, mlir::Value inputSum);
  mlir::Value scaledSum(mlir::Value sum, mlir::Value dot, mlir::Value scale,
                        mlir::Value offset, const RowInput &input);
  Scales decodeScales(const Chunk &chunk);
  PanelStep panelStep(const Chunk &chunk, int64_t panel, int64_t step);
  /// The elements of a step: a panel's four K.
  llvm::SmallVector<llvm::SmallVector<mlir::Value, 4>>
  stepElements(const Chunk &chunk, int64_t step);
  /// A weight from its element, in binary32.
  mlir::Value scaledWeight(mlir::Value element, const Scales &scales,
                           int64_t panel);
  /// Four K of a panel as byteDot takes them: value + dotBias().
  mlir::Value weightBytes(const Chunk &chunk, int64_t panel, int64_t step);
  int dotBias() const;
  /// The same as value + integer.bias.
  mlir::Value unsignedBytes(const Chunk &chunk, int64_t panel, int64_t step);
  mlir::Value tableBytes(mlir::Value codes);
  mlir::Value inputLanes(int64_t row, mlir::Value k, int64_t delta);
  mlir::Value inputAddress(int64_t row, mlir::Value bytes);
  mlir::Value kOf(const Chunk &chunk);
  mlir::Value inputGroup(const Chunk &chunk);
  void storeResults(const Values &sums);

  KernelBuilder &b;
  PanelReader reader;
  const LinearSpec &spec;
  const PanelShape &shape;
  int64_t rows;
  int64_t panels;
  IntegerElement integer;
  mlir::Value x, y, yStride, bias, residual, columns;
  llvm::SmallVector<PanelPointers> at;
  /// Of each panel, 1 KB in memory: 16 steps of decoded bytes, and products of
  /// 16 rows by 16 columns. Null without tiles.
  Values tileWeights, tileProducts;
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_MICROKERNEL_H
