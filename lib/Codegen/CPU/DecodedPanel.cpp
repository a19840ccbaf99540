// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes and reads slices of decoded panels.

#include "DecodedPanel.h"
#include "FoldedScales.h"

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
  isFolded = foldsWhenDecoding(spec, shape, target);
  hasScale = isScaled && !isFolded;
  hasSpanScale = foldedElement(spec, shape).has_value();
  if (hasIntegerOffsets(spec, shape))
    offsetPairs = spanDepth(spec, shape) / chunkDepth(spec, shape) / 2;
  else
    hasOffset = isScaled && spec.weight.offset;
  int64_t tileBytes = shape.tileDepth * bytesPerK;
  int64_t whole = spanTiles(spec, shape);
  tiles = std::max<int64_t>(1, kSliceBytes / (panels * tileBytes * whole));
  tiles = std::min(tiles * whole, shape.tiles);
  operandBytes = tiles * tileBytes;
  int64_t chunks = shape.tileDepth / chunkDepth(spec, shape);
  spanOffset = operandBytes + tiles * chunks * scaleVectors() * kOperandBytes;
  bytesPerPanel = spanOffset;
  if (spanVectors() > 0)
    bytesPerPanel += tiles * shape.tileDepth / spanDepth(spec, shape) *
                     spanVectors() * kOperandBytes;
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
  int64_t bytes = decoded.scaleVectors() * kOperandBytes;
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

Value DecodedWeights::spanAddress(const PanelChunk &first, int64_t panel) {
  Value k = b.add(b.mul(b.sub(first.tile, firstTile), shape.tileDepth),
                  first.kInTile);
  Value index = b.div(k, spanDepth(spec, shape));
  Value spans =
      b.offset(memory, panel * decoded.bytesPerPanel + decoded.spanOffset);
  return b.offset(spans, b.mul(index, decoded.spanVectors() * kOperandBytes));
}

Value DecodedWeights::pairAddress(const PanelChunk &first, int64_t panel,
                                  int64_t pair) {
  int64_t before = decoded.spanVectors() - decoded.offsetPairs + pair;
  return b.offset(spanAddress(first, panel), before * kOperandBytes);
}

void DecodedWeights::loadScales(ChunkScales &to, int64_t panel, Value address,
                                bool hasScale, bool hasOffset) {
  Type lanes = b.vectorOf(b.getF32Type());
  if (hasScale)
    to.scale[panel] = b.load(lanes, address, kOperandBytes);
  if (hasOffset)
    to.offset[panel] = b.load(
        lanes, b.offset(address, hasScale ? kOperandBytes : 0), kOperandBytes);
}

ChunkScales DecodedWeights::scales(const PanelChunk &chunk) {
  ChunkScales result{ValueList(panels), ValueList(panels)};
  if (decoded.scaleVectors() > 0)
    for (int64_t n = 0; n < panels; ++n)
      loadScales(result, n, scaleAddress(chunk, n), decoded.hasScale,
                 decoded.hasOffset);
  return result;
}

ChunkScales DecodedWeights::spanScales(const PanelChunk &first) {
  ChunkScales result{ValueList(panels), ValueList(panels)};
  for (int64_t n = 0; n < panels; ++n)
    loadScales(result, n, spanAddress(first, n), decoded.hasSpanScale,
               decoded.offsetPairs > 0);
  return result;
}

ValueList DecodedWeights::offsetPairs(const PanelChunk &first, int64_t pair) {
  ValueList result;
  for (int64_t n = 0; n < panels; ++n)
    result.push_back(b.load(b.vectorOf(b.getI32Type()),
                            pairAddress(first, n, pair), kOperandBytes));
  return result;
}

void DecodedWeights::storeScales(const ChunkScales &from, Value address,
                                 bool hasScale, bool hasOffset) {
  if (hasScale)
    b.store(from.scale[0], address, kOperandBytes);
  if (hasOffset)
    b.store(from.offset[0], b.offset(address, hasScale ? kOperandBytes : 0),
            kOperandBytes);
}

void DecodedWeights::storeScales(const PanelChunk &chunk,
                                 const ChunkScales &scales) {
  if (decoded.scaleVectors() > 0)
    storeScales(scales, scaleAddress(chunk, 0), decoded.hasScale,
                decoded.hasOffset);
}

void DecodedWeights::storeSpanScales(const PanelChunk &first,
                                     const ChunkScales &scales) {
  storeScales(scales, spanAddress(first, 0), decoded.hasSpanScale,
              decoded.offsetPairs > 0);
}

void DecodedWeights::storeOffsetPair(const PanelChunk &first, int64_t pair,
                                     std::pair<Value, Value> offsets) {
  VectorValues v(b);
  auto lanes = b.vectorOf(b.getI32Type());
  Value low = arith::FPToSIOp::create(b, lanes, offsets.first);
  Value high = arith::FPToSIOp::create(b, lanes, offsets.second);
  Value words = v.orI(v.andI(low, v.constI32(0xffff)), v.shiftLeft(high, 16));
  b.store(words, pairAddress(first, 0, pair), kOperandBytes);
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

/// What the spans of a tile have.
static void decodeSpans(Value tile, const ValueList &from, PanelWalk &walk,
                        const DecodedShape &decoded, PackedWeights &packed,
                        DecodedWeights &target) {
  if (decoded.spanVectors() == 0)
    return;
  int64_t together = walk.chunksOfSpan();
  auto chunk = [&](int64_t index) {
    return walk.partOfChunk(tile, from, index, walk.chunkDepth());
  };
  for (int64_t i = 0; i < walk.chunksOfTile(); i += together) {
    PanelChunk first = chunk(i);
    target.storeSpanScales(first, packed.spanScales(first));
    for (int64_t pair = 0; pair < decoded.offsetPairs; ++pair)
      target.storeOffsetPair(
          first, pair,
          {packed.scales(chunk(i + 2 * pair)).offset[0],
           packed.scales(chunk(i + 2 * pair + 1)).offset[0]});
  }
}

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
  auto decodeStep = [&](const PanelChunk &chunk, const ChunkScales &scales,
                        int64_t step) -> ValueList {
    if (decoded.isFolded)
      return {packed.foldedBytes(chunk, scales, step)};
    return packed.operands(chunk, scales, 0, step);
  };
  auto decodeChunk = [&](const PanelChunk &chunk, const ValueList &to) {
    packed.prefetchBehind(chunk);
    ChunkScales scales = packed.scales(chunk);
    target.storeScales(chunk, scales);
    walk.forSteps(chunk, kUnrolledDecodedSteps, {},
                  [&](const PanelChunk &part, int64_t steps, ValueList) {
                    PanelChunk destination = part;
                    destination.tileAddresses = to;
                    for (int64_t step = 0; step < steps; ++step)
                      target.storeOperands(destination, step,
                                           decodeStep(part, scales, step));
                    return ValueList();
                  });
  };
  b.loop(args[2], args[3], 1, [&](Value tile) {
    ValueList from = packed.tileAddresses(tile);
    ValueList to = target.tileAddresses(tile);
    decodeSpans(tile, from, walk, decoded, packed, target);
    walk.forChunks(tile, from, walk.chunksOfTile(), 1, {},
                   [&](ArrayRef<PanelChunk> one, ValueList) {
                     decodeChunk(one.front(), to);
                     return ValueList();
                   });
  });
  b.endFunction();
}
