// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A slice of a panel, decoded once for many rows of activations.
//
// A slice is some tiles of a panel. Decoded it is the operands of its steps,
// 64 bytes each, in the order of K, and behind them, where products are
// integers, the scales and offsets of its chunks in binary32:
//
//   step 0 [operand]...  step 1 [operand]...  ...  chunk 0 [scale][offset] ...

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
  int64_t scaleVectors = 0;  ///< a chunk has
  int64_t tiles = 0;         ///< of a slice: so many that all panels lie in L1
  int64_t operandBytes = 0;  ///< of a panel's slice: where its scales begin
  int64_t bytesPerPanel = 0; ///< of a slice, a multiple of 64

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
  ValueList operands(const PanelChunk &chunk, const ChunkScales &scales,
                     int64_t panel, int64_t step) override;
  mlir::Value operandsInMemory(const PanelChunk &chunk,
                               const ChunkScales &scales, int64_t panel,
                               int64_t step, int64_t count) override;

  /// Writes what the two above read, of panel 0.
  void storeScales(const PanelChunk &chunk, const ChunkScales &scales);
  void storeOperands(const PanelChunk &chunk, int64_t step,
                     const ValueList &operands);

private:
  mlir::Value scaleAddress(const PanelChunk &chunk, int64_t panel);
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
