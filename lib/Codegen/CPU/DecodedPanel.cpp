// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes and reads slices of decoded panels.

#include "DecodedPanel.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// Of all panels of a register tile: so much of a first-level cache of 48 KB
/// that the rows of a register tile have the rest. Longer slices have fewer
/// turns in which sums rest in the result.
static constexpr int64_t kSliceBytes = 32 << 10;
/// A format may have longer tiles than that.
static constexpr int64_t kMostStackBytes = 64 << 10;
/// Steps of 4 K in a straight line of code before a loop takes over.
static constexpr int64_t kUnrolledDecodedSteps = 4;

DecodedShape::DecodedShape(const LinearSpec &spec, const PanelShape &shape,
                           const CpuTarget &target, int64_t panels)
    : form(stepForm(spec, target)) {
  bytesPerK = operandsOf(form) * kOperandBytes / 4;
  bool isScaled = hasIntegers(form) && spec.weight.isScaled();
  scaleVectors = isScaled ? (spec.weight.offset ? 2 : 1) : 0;
  int64_t tileBytes = shape.tileDepth * bytesPerK;
  int64_t whole = spanTiles(spec, shape);
  tiles = std::max<int64_t>(1, kSliceBytes / (panels * tileBytes * whole));
  tiles = std::min(tiles * whole, shape.tiles);
  operandBytes = tiles * tileBytes;
  int64_t chunks = shape.tileDepth / chunkDepth(spec, shape);
  bytesPerPanel = operandBytes + tiles * chunks * scaleVectors * kOperandBytes;
}

bool DecodedShape::fitsStack(int64_t panels) const {
  return panels * bytesPerPanel <= kMostStackBytes;
}

//===----------------------------------------------------------------------===//
// Reading and writing
//===----------------------------------------------------------------------===//

ValueList DecodedWeights::tileAddresses(Value tile) {
  Value tileOfSlice = b.sub(tile, firstTile);
  Value first =
      b.offset(memory, b.mul(tileOfSlice, shape.tileDepth * decoded.bytesPerK));
  ValueList addresses;
  for (int64_t n = 0; n < panels; ++n)
    addresses.push_back(b.offset(first, n * decoded.bytesPerPanel));
  return addresses;
}

Value DecodedWeights::scaleAddress(const PanelChunk &chunk, int64_t panel) {
  int64_t bytes = decoded.scaleVectors * kOperandBytes;
  Value index = b.add(b.mul(b.sub(chunk.tile, firstTile), walk.chunksOfTile()),
                      b.div(chunk.kInTile, walk.chunkDepth()));
  Value scales =
      b.offset(memory, panel * decoded.bytesPerPanel + decoded.operandBytes);
  return b.offset(scales, b.mul(index, bytes));
}

Value DecodedWeights::stepAddress(const PanelChunk &chunk, int64_t panel,
                                  int64_t step) {
  Value address = b.offset(chunk.tileAddresses[panel],
                           b.mul(chunk.kInTile, decoded.bytesPerK));
  return b.offset(address, 4 * step * decoded.bytesPerK);
}

ChunkScales DecodedWeights::scales(const PanelChunk &chunk) {
  ChunkScales result{ValueList(panels), ValueList(panels)};
  Type lanes = b.vectorOf(b.getF32Type());
  for (int64_t n = 0; n < panels; ++n) {
    if (decoded.scaleVectors > 0)
      result.scale[n] = b.load(lanes, scaleAddress(chunk, n), kOperandBytes);
    if (decoded.scaleVectors > 1)
      result.offset[n] =
          b.load(lanes, b.offset(scaleAddress(chunk, n), kOperandBytes),
                 kOperandBytes);
  }
  return result;
}

void DecodedWeights::storeScales(const PanelChunk &chunk,
                                 const ChunkScales &scales) {
  if (decoded.scaleVectors > 0)
    b.store(scales.scale[0], scaleAddress(chunk, 0), kOperandBytes);
  if (decoded.scaleVectors > 1)
    b.store(scales.offset[0], b.offset(scaleAddress(chunk, 0), kOperandBytes),
            kOperandBytes);
}

ValueList DecodedWeights::operands(const PanelChunk &chunk, const ChunkScales &,
                                   int64_t panel, int64_t step) {
  Value address = stepAddress(chunk, panel, step);
  Type type = b.vectorOf(b.getF32Type());
  if (hasIntegers(decoded.form))
    type = b.vectorOf(b.getI32Type());
  if (decoded.form == StepForm::Bf16Pairs)
    type = b.vectorOf(b.getBF16Type(), 2 * kLanes);
  ValueList result;
  for (int64_t i = 0; i < operandsOf(decoded.form); ++i)
    result.push_back(
        b.load(type, b.offset(address, i * kOperandBytes), kOperandBytes));
  return result;
}

void DecodedWeights::storeOperands(const PanelChunk &chunk, int64_t step,
                                   const ValueList &operands) {
  Value address = stepAddress(chunk, 0, step);
  for (auto [i, operand] : llvm::enumerate(operands))
    b.store(operand, b.offset(address, int64_t(i) * kOperandBytes),
            kOperandBytes);
}

Value DecodedWeights::operandsInMemory(const PanelChunk &chunk,
                                       const ChunkScales &, int64_t panel,
                                       int64_t step, int64_t) {
  return stepAddress(chunk, panel, step);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

void codegen::emitPanelDecoder(KernelBuilder &b, StringRef name,
                               const LinearSpec &spec, const PanelShape &shape,
                               const DecodedShape &decoded) {
  Type p = b.ptrType(), i = b.getI64Type();
  SmallVector<Type> types = {p, i, i, i};
  types.append(shape.layout->segments.size(), p);
  auto function = b.beginFunction(name, types);
  auto args = function.getArguments();
  PanelWalk walk(b, spec, shape);
  PackedWeights packed(b, spec, shape, ValueList(args.drop_front(4)), args[1]);
  DecodedWeights target(b, spec, shape, decoded, 1, args[0], args[2]);
  b.loop(args[2], args[3], 1, [&](Value tile) {
    ValueList to = target.tileAddresses(tile);
    walk.forChunks(tile, packed.tileAddresses(tile), walk.chunksOfTile(), 1, {},
                   [&](ArrayRef<PanelChunk> one, ValueList) -> ValueList {
                     const PanelChunk &chunk = one.front();
                     ChunkScales scales = packed.scales(chunk);
                     target.storeScales(chunk, scales);
                     return walk.forSteps(
                         chunk, kUnrolledDecodedSteps, {},
                         [&](const PanelChunk &part, int64_t steps, ValueList) {
                           PanelChunk destination = part;
                           destination.tileAddresses = to;
                           for (int64_t step = 0; step < steps; ++step)
                             target.storeOperands(
                                 destination, step,
                                 packed.operands(part, scales, 0, step));
                           return ValueList();
                         });
                   });
  });
  b.endFunction();
}
