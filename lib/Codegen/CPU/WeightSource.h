// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Where a register tile has its weights from: a packed panel, which it
// decodes, or memory that a decoder has filled before.
//
// Both give the same bits, so that a result does not depend on the choice.

#ifndef QUERN_LIB_CODEGEN_CPU_WEIGHTSOURCE_H
#define QUERN_LIB_CODEGEN_CPU_WEIGHTSOURCE_H

#include "PanelWalk.h"

namespace quern::codegen {

/// What a step of four K of a panel is when it enters the products. Each
/// operand is 64 bytes.
enum class StepForm {
  Bytes,      ///< one: 16 lanes of four bytes, for byteDot
  BytePlanes, ///< two: the same of high and of low bytes
  Words,      ///< two: 16 lanes of two words, K 0 and 2, 1 and 3, for wordDot
  Bf16Pairs,  ///< two: 16 lanes of two bfloat16, scaled, for bf16Dot
  Floats,     ///< four: 16 lanes of binary32, scaled and rounded as specified
};
StepForm stepForm(const LinearSpec &spec, const CpuTarget &target);
int64_t operandsOf(StepForm form);
/// Whether operands are integers: scales are applied to their products.
inline bool hasIntegers(StepForm form) {
  return form == StepForm::Bytes || form == StepForm::BytePlanes ||
         form == StepForm::Words;
}
/// What is added to an integer of two bytes to make it a signed word.
inline int wordBias(const numerics::IntegerElement &integer) {
  return integer.bias - (1 << 15);
}
constexpr int64_t kOperandBytes = 64;
/// Most operands that one request has in memory: the rows of an AMX tile.
constexpr int64_t kOperandsInMemory = 16;

/// What the bytes of integer products are multiplied with, a panel each. Where
/// scales or offsets of blocks are integers (FoldedScales.h), those of a chunk
/// are these, in binary32, and a span has what they are multiplied with.
struct ChunkScales {
  ValueList scale;  ///< 16 lanes; null: unscaled
  ValueList offset; ///< null: none
};

class WeightSource {
public:
  virtual ~WeightSource();

  /// Where the panels' parts of a tile begin: PanelChunk::tileAddresses.
  virtual ValueList tileAddresses(mlir::Value tile) = 0;
  virtual ChunkScales scales(const PanelChunk &chunk) = 0;
  /// Of the span that begins with `first`.
  virtual ChunkScales spanScales(const PanelChunk &first) = 0;
  /// Whether bytes are already multiplied with the integers of their blocks.
  virtual bool isFolded() const { return false; }
  /// Whether integer offsets come by pairs of chunks; those of chunks are then
  /// null.
  virtual bool hasOffsetPairs() const { return false; }
  /// The integer offsets of chunks 2 * `pair` and 2 * `pair` + 1 of the span
  /// that begins with `first`: the halves of 16 lanes, a panel each.
  virtual ValueList offsetPairs(const PanelChunk &first, int64_t pair) {
    (void)first, (void)pair;
    return {};
  }
  /// Asks memory for a chunk's worth of what comes some time after `chunk`.
  virtual void prefetchBehind(const PanelChunk &) {}
  /// The operands of a step, as stepForm() says.
  virtual ValueList operands(const PanelChunk &chunk, const ChunkScales &scales,
                             int64_t panel, int64_t step) = 0;
  /// Address of the operands of `count` steps, one after another; at most
  /// kOperandsInMemory.
  virtual mlir::Value operandsInMemory(const PanelChunk &chunk,
                                       const ChunkScales &scales, int64_t panel,
                                       int64_t step, int64_t count) = 0;
};

/// Decodes packed panels where they are used.
class PackedWeights : public WeightSource {
public:
  /// `panels`: indices of panels that exist.
  PackedWeights(KernelBuilder &builder, const LinearSpec &spec,
                const PanelShape &shape, llvm::ArrayRef<mlir::Value> segments,
                llvm::ArrayRef<mlir::Value> panels);

  ValueList tileAddresses(mlir::Value tile) override;
  ChunkScales scales(const PanelChunk &chunk) override;
  ChunkScales spanScales(const PanelChunk &first) override;
  void prefetchBehind(const PanelChunk &chunk) override;
  ValueList operands(const PanelChunk &chunk, const ChunkScales &scales,
                     int64_t panel, int64_t step) override;
  mlir::Value operandsInMemory(const PanelChunk &chunk,
                               const ChunkScales &scales, int64_t panel,
                               int64_t step, int64_t count) override;

  /// The bytes of a step of panel 0, times the scale of `scales`.
  mlir::Value foldedBytes(const PanelChunk &chunk, const ChunkScales &scales,
                          int64_t step);

private:
  PanelStep panelStep(const PanelChunk &chunk, int64_t panel, int64_t step);
  /// Calls `decode` for the scale and the offset of each panel, with the format
  /// and the path of its codes.
  using ScaleDecoder = llvm::function_ref<mlir::Value(
      const numerics::Format &format, const std::string &path,
      llvm::function_ref<mlir::Value(const std::string &path)> codeOf)>;
  /// The operands of a step whose codes are pairs of bfloat16 already.
  ValueList pairsAsStored(const PanelStep &step);
  ChunkScales decodeScales(const PanelChunk &chunk, ScaleDecoder decode);
  ValueList decodeStep(const PanelChunk &chunk, const ChunkScales &scales,
                       int64_t panel, int64_t step);
  /// Four K as byteDot takes them: the planes of value + dotBias().
  ValueList weightBytes(const PanelStep &step);
  /// The same as value + integer.bias.
  ValueList unsignedBytes(const PanelStep &step);
  ValueList tableBytes(mlir::Value codes);
  ValueList shuffledBytes(mlir::Value codes);
  ValueList bytesByByte(mlir::Value codes);
  /// The integers of four K, one to a lane of each vector, in their low bits.
  ValueList lanesByByte(mlir::Value codes);
  /// Four K as wordDot takes them: value + dotBias().
  ValueList weightWords(const PanelStep &step);
  /// A weight from its element, in binary32.
  mlir::Value scaledWeight(mlir::Value element, const ChunkScales &scales,
                           int64_t panel);

  KernelBuilder &b;
  PanelReader reader;
  const LinearSpec &spec;
  const PanelShape &shape;
  StepForm form;
  numerics::IntegerElement integer;
  std::optional<numerics::IntegerElement> folded;
  bool integerOffsets;
  llvm::SmallVector<PanelPointers> at;
  /// A buffer a panel for operandsInMemory, made when first asked for.
  ValueList buffers;
};

/// `bytes` on the stack of the function that is being built, aligned to 64.
mlir::Value allocateOnStack(KernelBuilder &b, int64_t bytes);

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_WEIGHTSOURCE_H
