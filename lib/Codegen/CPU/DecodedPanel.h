// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A slice of a panel, decoded once for many rows of activations.
//
// A slice is some tiles of a panel. Decoded it is the operands of its steps,
// 64 bytes each, in the order of K, and behind them, where products are
// integers, the scales and offsets of its chunks in binary32, and where those
// are integers (FoldedScales.h) what spans multiply them with:
//
//   step 0 [operand]...  step 1 [operand]...  ...
//   chunk 0 [scale][offset]  ...
//   span 0 [scale][offset][offsets of chunks 0 and 1]...  ...
//
// Bytes may be multiplied with the scales of chunks, which then are absent.
// Integer offsets are words, two chunks to a vector, and not among the chunks.

#ifndef QUERN_LIB_CODEGEN_CPU_DECODEDPANEL_H
#define QUERN_LIB_CODEGEN_CPU_DECODEDPANEL_H

#include "WeightSource.h"

namespace quern::codegen {

/// Sizes of a decoded slice.
struct DecodedShape {
  DecodedShape(const LinearSpec &spec, const PanelShape &shape,
               const CpuTarget &target, int64_t panels);

  StepForm form;
  int64_t bytesPerK = 0;     ///< of a panel
  bool isFolded = false;     ///< bytes are times the scales of chunks
  bool hasScale = false;     ///< a chunk has
  bool hasOffset = false;    ///< a chunk has
  bool hasSpanScale = false; ///< a span has
  int64_t offsetPairs = 0;   ///< a span has, beside what multiplies them
  int64_t tiles = 0;         ///< of a slice: so many that all panels lie in L1
  int64_t operandBytes = 0;  ///< of a panel's slice: where its scales begin
  int64_t spanOffset = 0;    ///< and those of spans
  int64_t bytesPerPanel = 0; ///< of a slice, a multiple of 64

  int64_t scaleVectors() const { return hasScale + hasOffset; }
  int64_t spanVectors() const {
    return hasSpanScale + (offsetPairs > 0) + offsetPairs;
  }
  /// Whether the slices of a register tile's panels may lie on a stack.
  bool fitsStack(int64_t panels) const;
};

/// Reads decoded slices, of one panel after another in `memory`, that begin at
/// tile `firstTile`.
class DecodedWeights : public WeightSource {
public:
  DecodedWeights(KernelBuilder &builder, const LinearSpec &spec,
                 const PanelShape &shape, const DecodedShape &decoded,
                 int64_t panels, mlir::Value memory, mlir::Value firstTile)
      : b(builder), walk(builder, spec, shape), spec(spec), shape(shape),
        decoded(decoded), panels(panels), memory(memory), firstTile(firstTile) {
  }

  ValueList tileAddresses(mlir::Value tile) override;
  ChunkScales scales(const PanelChunk &chunk) override;
  ChunkScales spanScales(const PanelChunk &first) override;
  bool isFolded() const override { return decoded.isFolded; }
  bool hasOffsetPairs() const override { return decoded.offsetPairs > 0; }
  ValueList offsetPairs(const PanelChunk &first, int64_t pair) override;
  ValueList operands(const PanelChunk &chunk, const ChunkScales &scales,
                     int64_t panel, int64_t step) override;
  mlir::Value operandsInMemory(const PanelChunk &chunk,
                               const ChunkScales &scales, int64_t panel,
                               int64_t step, int64_t count) override;

  /// Writes what those above read, of panel 0.
  void storeScales(const PanelChunk &chunk, const ChunkScales &scales);
  void storeSpanScales(const PanelChunk &first, const ChunkScales &scales);
  /// `offsets`: of both chunks, integers in binary32.
  void storeOffsetPair(const PanelChunk &first, int64_t pair,
                       std::pair<mlir::Value, mlir::Value> offsets);
  void storeOperands(const PanelChunk &chunk, int64_t step,
                     const ValueList &operands);

private:
  mlir::Value scaleAddress(const PanelChunk &chunk, int64_t panel);
  mlir::Value spanAddress(const PanelChunk &first, int64_t panel);
  mlir::Value pairAddress(const PanelChunk &first, int64_t panel, int64_t pair);
  /// Both vectors at `address`, or one of them.
  void loadScales(ChunkScales &to, int64_t panel, mlir::Value address,
                  bool hasScale, bool hasOffset);
  void storeScales(const ChunkScales &from, mlir::Value address, bool hasScale,
                   bool hasOffset);
  mlir::Value stepAddress(const PanelChunk &chunk, int64_t panel, int64_t step);

  KernelBuilder &b;
  PanelWalk walk;
  const LinearSpec &spec;
  const PanelShape &shape;
  const DecodedShape &decoded;
  int64_t panels;
  mlir::Value memory, firstTile;
};

/// Emits a function that decodes a slice of one panel. Arguments: its memory
/// ptr, panel i64, first tile i64, end of tiles i64, one ptr a segment.
void emitPanelDecoder(KernelBuilder &b, llvm::StringRef name,
                      const LinearSpec &spec, const PanelShape &shape,
                      const DecodedShape &decoded);

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_DECODEDPANEL_H
