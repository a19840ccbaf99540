// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One register tile of a linear kernel.

#ifndef QUERN_LIB_CODEGEN_CPU_MICROKERNEL_H
#define QUERN_LIB_CODEGEN_CPU_MICROKERNEL_H

#include "DecodedPanel.h"
#include "DotProducts.h"
#include "FoldedScales.h"
#include <memory>

namespace quern::codegen {

/// Emits a function that computes `rows` rows by `panels` panels of the result.
/// Arguments: x ptr (first row), y ptr (first row, first column), bytes between
/// rows of y i64, bias ptr (first column), residual ptr (as y), columns that
/// exist i64 (at least 1), then what says where weights are. Panels that do not
/// exist are neither read nor written.
class MicroKernel {
public:
  MicroKernel(KernelBuilder &builder, const LinearSpec &spec,
              const PanelShape &shape, int64_t rows, int64_t panels)
      : b(builder), walk(builder, spec, shape), spec(spec), shape(shape),
        rows(rows), panels(panels), folded(foldedElement(spec, shape)),
        integerOffsets(hasIntegerOffsets(spec, shape)) {}

  /// Over all of K, from packed panels: first panel i64, one ptr a segment.
  void emitPacked(llvm::StringRef name);
  /// Over a slice of decoded panels: its memory ptr, first tile i64, end of
  /// tiles i64. A slice but the first adds to what y holds; the last one adds
  /// bias and residual.
  void emitDecoded(llvm::StringRef name, const DecodedShape &decoded);

private:
  using Values = ValueList;

  /// Arguments from the seventh on.
  mlir::ValueRange beginFunction(llvm::StringRef name,
                                 llvm::ArrayRef<mlir::Type> more);
  /// Adds tiles [first, end) that lie inside the rows of x, where `first`
  /// begins a span.
  Values accumulateTiles(mlir::Value first, mlir::Value end, Values sums);
  /// Adds the first `chunks` chunks of a tile.
  Values accumulateTile(mlir::Value tile, int64_t chunks, Values sums);
  /// The same but for the scales of int8 activations, which a span adds.
  Values accumulateChunks(mlir::Value tile, int64_t chunks, Values sums);
  /// Adds what exists of the last tile, if it reaches behind the rows of x.
  Values accumulateCutTile(mlir::Value tile, Values sums);
  Values accumulateChunk(const PanelChunk &chunk, Values sums);
  /// Tiles that rows of x cover.
  int64_t wholeTiles() const;

  Values accumulateExact(const PanelChunk &chunk, const ChunkScales &scales,
                         Values sums);
  void exactStep(const PanelChunk &chunk, int64_t step,
                 const ChunkScales &scales, Values &sums);
  /// A step by the target's dot product of bfloat16 pairs.
  void bf16Step(const PanelChunk &chunk, int64_t step,
                const ChunkScales &scales, Values &sums);
  Values accumulateInteger(const PanelChunk &chunk, const ChunkScales &scales,
                           Values sums);
  /// Dot products of codes and activations over a chunk, bias taken off.
  Values integerDots(const PanelChunk &chunk, const ChunkScales &scales,
                     const Values &inputSums);
  /// What `dots` of low bytes, then of high ones, make together.
  Values joinPlanes(const Values &dots);
  void dotSteps(const PanelChunk &chunk, const ChunkScales &scales,
                int64_t steps, Values &dots);
  void dotStep(const PanelChunk &chunk, const ChunkScales &scales, int64_t step,
               Values &dots);
  /// Steps `begin` to `end`, added up in words.
  void addRun(const PanelChunk &chunk, const ChunkScales &scales, int64_t begin,
              int64_t end, Values &dots);
  /// Four codes of a row of activations.
  mlir::Value inputWord(int64_t row, mlir::Value k, int64_t step);
  /// The same by tiles of 16 rows of activations by 64 bytes of K.
  bool usesTiles() const {
    return b.target.hasTiles && rows == 16 && integer.planes() == 1 &&
           spec.input.kind == ActivationRow::Kind::Int8;
  }
  Values tileDots(const PanelChunk &chunk, const ChunkScales &scales,
                  const Values &inputSums);
  void tileStep(const PanelChunk &chunk, const ChunkScales &scales,
                int64_t steps);
  /// Whether tiles multiply pairs of bfloat16. They do for any number of rows,
  /// since they sum in an order of their own. Sums then rest in memory.
  bool usesPairTiles() const {
    return b.target.hasTiles && stepForm(spec, b.target) == StepForm::Bf16Pairs;
  }
  void accumulatePairs(const PanelChunk &chunk, const ChunkScales &scales);
  void pairStep(const PanelChunk &chunk, const ChunkScales &scales,
                int64_t steps);
  void allocateTiles();
  /// Where the sums of a tile are while it is computed: as given, or in memory,
  /// where there are no values.
  Values openSums(Values sums);
  Values closeSums(Values sums);
  /// A row's sum of activations over `depth` columns from `k` on, which a
  /// multiple of `depth` columns precede: scalar or 16 equal lanes.
  Values groupSums(mlir::Value k, int64_t depth);
  mlir::Value dotStart(mlir::Value inputSum);
  /// What is added to a weight to make it byteDot's operand, or the operands
  /// of two planes, the higher times 256.
  int dotBias() const;
  /// What a weight's offset is multiplied with beside the sum of activations:
  /// its sign, in units of the dot product.
  float offsetUnit() const;
  mlir::Value offsetTotal(mlir::Value inputSum);
  /// Factor of the offset of a weight; null if it has none.
  mlir::Value offsetFactor(mlir::Value inputSum);
  mlir::Value scaledSum(mlir::Value sum, mlir::Value dot, mlir::Value scale,
                        mlir::Value offset, mlir::Value factor);
  /// Adds to `sums` what a span has that begins at column `k` and gave
  /// `partial`.
  Values addSpan(Values sums, const Values &partial, mlir::Value k);
  /// Of a row's activations at column `k`, in units of the dot product.
  mlir::Value inputScale(int64_t row, mlir::Value k);

  /// What a span begins with: zeros, for offsets as well where they are summed
  /// apart, chunk by chunk.
  Values openSpan();
  /// Adds to `sums` what a span has that gave `partial`.
  Values closeSpan(Values sums, const Values &partial, const PanelChunk &first);
  /// The same of a whole span whose codes are multiplied with integer scales.
  Values accumulateFoldedSpan(const PanelChunk &span, Values sums);
  /// Of a span: integer offsets times the sums of their activations.
  Values offsetSums(const PanelChunk &first);
  void addOffsets(const Values &offset, const Values &inputSums,
                  llvm::MutableArrayRef<mlir::Value> sums);
  /// sums += partial * (scale * unit * inputScale at column `k`).
  void addScaled(Values &sums, llvm::ArrayRef<mlir::Value> partial,
                 const Values &scale, mlir::Value k, float unit);
  mlir::Value inputLanes(int64_t row, mlir::Value k, int64_t delta);
  mlir::Value inputAddress(int64_t row, mlir::Value bytes);

  /// Asks for what the end of a tile reads and writes, which lies far apart.
  void prefetchResults();
  /// What earlier slices left in y.
  Values loadSums();
  void storeResults(const Values &sums, bool isLast);

  KernelBuilder &b;
  PanelWalk walk;
  const LinearSpec &spec;
  const PanelShape &shape;
  int64_t rows;
  int64_t panels;
  /// If scales of blocks are integers: codes times these.
  std::optional<numerics::IntegerElement> folded;
  bool integerOffsets;              ///< offsets of blocks are
  numerics::IntegerElement integer; ///< what dot products read
  StepForm form = StepForm::Floats;
  std::unique_ptr<WeightSource> weights;
  mlir::Value x, y, yStride, bias, residual, columns;
  /// Of each panel, 1 KB in memory: sums of 16 rows by 16 columns. Null without
  /// tiles.
  Values tileProducts;
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_MICROKERNEL_H
