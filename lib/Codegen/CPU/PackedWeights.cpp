// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Weights decoded from packed panels where they are used.

#include "DotProducts.h"
#include "FloatWords.h"
#include "FoldedScales.h"
#include "WeightSource.h"
#include "WordTable.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Codegen/CPU/DecodeRecipe.h"
#include "quern/Numerics/Decode.h"
#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

/// How far ahead of its use a packed weight is asked for: what memory delivers
/// in its latency, several times. Panels follow each other, so that the next
/// one is asked for from the end of this one on. Processors that follow streams
/// by themselves lose sight of the planes of a tile, which are short.
static constexpr int64_t kPrefetchDistance = 8 << 10;

StepForm codegen::stepForm(const LinearSpec &spec, const CpuTarget &target) {
  if (spec.input.kind == ActivationRow::Kind::Int8) {
    std::optional<IntegerElement> integer = integerElement(spec.weight.element);
    if (!integer || integer->planes() == 1)
      return StepForm::Bytes;
    return hasWordDot(target) ? StepForm::Words : StepForm::BytePlanes;
  }
  return spec.roundToBf16 && target.bf16Dot != Bf16Dot::None
             ? StepForm::Bf16Pairs
             : StepForm::Floats;
}

int64_t codegen::operandsOf(StepForm form) {
  switch (form) {
  case StepForm::Bytes:
    return 1;
  case StepForm::BytePlanes:
  case StepForm::Words:
  case StepForm::Bf16Pairs:
    return 2;
  case StepForm::Floats:
    break;
  }
  return 4;
}

WeightSource::~WeightSource() = default;

Value codegen::allocateOnStack(KernelBuilder &b, int64_t bytes) {
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.getInsertionBlock();
  auto function = cast<func::FuncOp>(
      isa<func::FuncOp>(block->getParentOp())
          ? block->getParentOp()
          : block->getParentOp()->getParentOfType<func::FuncOp>());
  b.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AllocaOp::create(b, b.ptrType(), b.getI8Type(), b.i64(bytes),
                                /*alignment=*/unsigned(kOperandBytes));
}

PackedWeights::PackedWeights(KernelBuilder &builder, const LinearSpec &spec,
                             const PanelShape &shape, ArrayRef<Value> segments,
                             ArrayRef<Value> panels)
    : b(builder), reader(builder, shape), spec(spec), shape(shape),
      form(stepForm(spec, builder.target)) {
  if (auto found = integerElement(spec.weight.element))
    integer = *found;
  folded = foldedElement(spec, shape);
  integerOffsets = hasIntegerOffsets(spec, shape);
  for (Value panel : panels)
    at.push_back({SmallVector<Value>(segments), panel});
}

ValueList PackedWeights::tileAddresses(Value tile) {
  ValueList addresses;
  for (const PanelPointers &panel : at)
    addresses.push_back(reader.tileAddress(panel, tile));
  return addresses;
}

void PackedWeights::prefetchBehind(const PanelChunk &chunk) {
  int64_t bytes = shape.tileBytes * chunkDepth(spec, shape) / shape.tileDepth;
  Value done = b.div(b.mul(chunk.kInTile, shape.tileBytes), shape.tileDepth);
  for (Value tile : chunk.tileAddresses)
    b.prefetch(b.offset(b.offset(tile, done), kPrefetchDistance), bytes);
}

ChunkScales PackedWeights::scales(const PanelChunk &chunk) {
  VectorValues v(b);
  const Format &format = spec.weight;
  return decodeScales(
      chunk, [&](const Format &part, const std::string &path, auto codeOf) {
        bool isOffset = &part == format.offset.get();
        if (isOffset ? integerOffsets : folded.has_value())
          return decodeElement(v, part.element, codeOf(path));
        Value value = decodeValue(v, part, codeOf, path);
        // A dot product is multiplied.
        bool isDivisor = &part == format.scale.get() && format.dividesByScale;
        if (isDivisor && spec.input.kind == ActivationRow::Kind::Int8)
          return v.divF(v.constF32(1), value);
        return value;
      });
}

ChunkScales PackedWeights::spanScales(const PanelChunk &first) {
  VectorValues v(b);
  return decodeScales(
      first, [&](const Format &part, const std::string &path, auto codeOf) {
        bool isOffset = &part == spec.weight.offset.get();
        if (isOffset ? !integerOffsets : !folded)
          return Value();
        return decodeValue(v, *part.scale, codeOf, childPath(path, "scale"));
      });
}

ChunkScales PackedWeights::decodeScales(const PanelChunk &chunk,
                                        ScaleDecoder decode) {
  ChunkScales result{ValueList(at.size()), ValueList(at.size())};
  const Format &format = spec.weight;
  if (!format.isScaled())
    return result;
  std::vector<Plane> planes = planesOf(format);
  b.inPart(kScalePart, [&] {
    for (size_t n = 0; n < at.size(); ++n) {
      auto codeOf = [&](const std::string &path) {
        auto plane = llvm::find_if(
            planes, [&](const Plane &p) { return p.path == path; });
        return reader.planeLanes(at[n], *plane, chunk.tile,
                                 chunk.tileAddresses[n], chunk.kInTile);
      };
      result.scale[n] = decode(*format.scale, "scale", codeOf);
      if (format.offset)
        result.offset[n] =
            decode(*format.offset, offsetKeyword(format.offsetKind), codeOf);
    }
  });
  return result;
}

PanelStep PackedWeights::panelStep(const PanelChunk &chunk, int64_t panel,
                                   int64_t step) {
  int64_t position = chunk.first + step;
  return {&at[panel],
          chunk.tile,
          chunk.tileAddresses[panel],
          b.add(chunk.base, position / shape.stepPeriod),
          position % shape.stepPeriod,
          b.add(chunk.kInTile, 4 * step)};
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

/// Nearest even bfloat16, as a float.
static Value roundToBf16(VectorValues &v, Value w) {
  Value bits = v.bitcastI(w);
  Value odd = v.andI(v.shiftRightLogical(bits, 16), v.constI32(1));
  bits = v.addI(bits, v.addI(odd, v.constI32(0x7fff)));
  return v.bitcastF(v.andI(bits, v.constI32(int32_t(0xffff0000u))));
}

Value PackedWeights::scaledWeight(Value element, const ChunkScales &scales,
                                  int64_t panel) {
  VectorValues v(b);
  return applyScale(v, spec.weight, element, scales.scale[panel],
                    scales.offset[panel]);
}

ValueList PackedWeights::operands(const PanelChunk &chunk,
                                  const ChunkScales &scales, int64_t panel,
                                  int64_t step) {
  return b.inPart(kDecodePart,
                  [&] { return decodeStep(chunk, scales, panel, step); });
}

/// Whether codes are bfloat16 and nothing else: two of them are an operand's
/// lane as they lie.
static bool isPlainBf16(const Format &format) {
  return !format.isScaled() && format.element.kind == ElementKind::Float &&
         format.element.floatType->name == "bf16";
}

ValueList PackedWeights::pairsAsStored(const PanelStep &step) {
  ValueList pairs;
  for (int64_t pair = 0; pair < 2; ++pair)
    pairs.push_back(vector::BitCastOp::create(
        b, b.vectorOf(b.getBF16Type(), 2 * kLanes),
        reader.codePairs(step.tileAddress, step.lane, pair)));
  return pairs;
}

ValueList PackedWeights::decodeStep(const PanelChunk &chunk,
                                    const ChunkScales &scales, int64_t panel,
                                    int64_t step) {
  PanelStep position = panelStep(chunk, panel, step);
  if (form == StepForm::Words)
    return weightWords(position);
  if (hasIntegers(form))
    return weightBytes(position);
  if (form == StepForm::Bf16Pairs && isPlainBf16(spec.weight))
    return pairsAsStored(position);
  VectorValues v(b);
  ValueList weights;
  for (Value element : reader.elementLanes(position))
    weights.push_back(scaledWeight(element, scales, panel));
  if (form == StepForm::Bf16Pairs)
    return {bf16Pairs(b, weights[0], weights[1]),
            bf16Pairs(b, weights[2], weights[3])};
  if (spec.roundToBf16)
    for (Value &weight : weights)
      weight = roundToBf16(v, weight);
  return weights;
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

/// Byte `plane` of each of `values` plus the bias.
static SmallVector<int8_t> planeOf(const IntegerElement &integer, int plane) {
  SmallVector<int8_t> bytes;
  for (int value : integer.values)
    bytes.push_back(int8_t((value + integer.bias) >> (8 * plane)));
  return bytes;
}

ValueList PackedWeights::shuffledBytes(Value codes) {
  ValueList planes;
  for (int plane = integer.planes() - 1; plane >= 0; --plane) {
    SmallVector<int8_t> table = planeOf(integer, plane);
    for (size_t i = 0; table.size() < 16; ++i)
      table.push_back(table[i]);
    planes.push_back(lookupBytes(b, table, codes));
  }
  return planes;
}

ValueList PackedWeights::lanesByByte(Value codes) {
  VectorValues v(b);
  const Element &element = spec.weight.element;
  float unit = std::ldexp(1.0f, integer.shift);
  // Infinity and NaN count as 0; all finite values are below this.
  bool isFinite =
      element.kind != ElementKind::Float ||
      element.floatType->special == numerics::FloatType::Special::FiniteOnly;
  Value end = v.constF32(2 * largestValue(element));
  ValueList lanes;
  for (unsigned k = 0; k < 4; ++k) {
    Value code = v.andI(v.shiftRightLogical(codes, 8 * k), v.constI32(0xff));
    Value value = decodeElement(v, element, code);
    if (!isFinite)
      value = v.selectF(v.lessF(v.absF(value), end), value, v.constF32(0));
    lanes.push_back(v.roundToI32(v.mulF(value, v.constF32(unit))));
  }
  return lanes;
}

ValueList PackedWeights::bytesByByte(Value codes) {
  VectorValues v(b);
  ValueList planes(integer.planes());
  for (auto [k, lane] : llvm::enumerate(lanesByByte(codes))) {
    Value value = v.addI(lane, v.constI32(integer.bias));
    for (auto [i, plane] : llvm::enumerate(planes)) {
      Value byte = value;
      if (planes.size() == 2)
        byte = i == 0 ? v.shiftRightLogical(value, 8)
                      : v.andI(value, v.constI32(0xff));
      byte = v.shiftLeft(byte, unsigned(8 * k));
      plane = plane ? v.orI(plane, byte) : byte;
    }
  }
  return planes;
}

ValueList PackedWeights::weightWords(const PanelStep &step) {
  VectorValues v(b);
  Value codes = reader.codeBytes(step.tileAddress, step.lane, step.field);
  if (chooseBytes(spec.weight.element, b.target) == BytesRecipe::HalfFloats)
    return floatWords(b, *spec.weight.element.floatType, integer, codes);
  auto low = [&](Value x) { return v.andI(x, v.constI32(0x00ff00ff)); };
  auto high = [&](Value x) { return v.andI(x, v.constI32(int(0xff00ff00u))); };
  if (chooseBytes(spec.weight.element, b.target) == BytesRecipe::ByByte) {
    ValueList lanes = lanesByByte(codes), words;
    if (wordBias(integer) != 0)
      for (Value &lane : lanes)
        lane = v.addI(lane, v.constI32(wordBias(integer)));
    for (size_t k = 0; k < 2; ++k)
      words.push_back(v.orI(v.andI(lanes[k], v.constI32(0xffff)),
                            v.shiftLeft(lanes[k + 2], 16)));
    return words;
  }
  // Value + bias is unsigned; with its top bit flipped, it is signed and 2^15
  // less.
  ValueList planes = tableBytes(codes);
  Value upper = v.xorI(planes[0], v.constI32(int(0x80808080u)));
  return {v.orI(low(planes[1]), v.shiftLeft(low(upper), 8)),
          v.orI(low(v.shiftRightLogical(planes[1], 8)), high(upper))};
}

ValueList PackedWeights::tableBytes(Value codes) {
  switch (chooseBytes(spec.weight.element, b.target)) {
  case BytesRecipe::Shuffle:
    return shuffledBytes(codes);
  case BytesRecipe::RegisterTable:
    return lookupPlanes(b, integer.values, integer.bias, integer.planes(),
                        codes);
  case BytesRecipe::Fields:
  case BytesRecipe::GatherWord:
  case BytesRecipe::GatherByte:
  case BytesRecipe::HalfFloats:
  case BytesRecipe::ByByte:
    break;
  }
  return bytesByByte(codes);
}

ValueList PackedWeights::unsignedBytes(const PanelStep &step) {
  if (spec.weight.element.isComposite())
    return {reader.compositeBytes(step, integer.values, integer.bias)};
  Value codes = reader.codeBytes(step.tileAddress, step.lane, step.field);
  if (chooseBytes(spec.weight.element, b.target) != BytesRecipe::Fields)
    return tableBytes(codes);
  if (integer.bias == 0 || shape.codesFlipped)
    return {codes};
  // Two's complement in the file: make it offset binary, byte by byte.
  VectorValues v(b);
  uint32_t top = 1u << (shape.codeBits - 1);
  return {v.xorI(codes, v.constI32(int32_t(top * 0x01010101u)))};
}

ValueList PackedWeights::weightBytes(const PanelStep &step) {
  ValueList planes = unsignedBytes(step);
  if (!dotTakesSigned(b.target, integer.planeBits()))
    return planes;
  VectorValues v(b);
  for (Value &bytes : planes)
    bytes = v.xorI(bytes, v.constI32(int32_t(0x80808080u)));
  return planes;
}

Value PackedWeights::foldedBytes(const PanelChunk &chunk,
                                 const ChunkScales &scales, int64_t step) {
  VectorValues v(b);
  return b.inPart(kDecodePart, [&] {
    Value factor =
        arith::FPToSIOp::create(b, b.vectorOf(b.getI32Type()), scales.scale[0]);
    Value bytes =
        foldFactor(b, unsignedBytes(panelStep(chunk, 0, step)).front(), factor,
                   integer, *folded);
    return dotTakesSigned(b.target, folded->bits)
               ? v.xorI(bytes, v.constI32(int32_t(0x80808080u)))
               : bytes;
  });
}

Value PackedWeights::operandsInMemory(const PanelChunk &chunk,
                                      const ChunkScales &scales, int64_t panel,
                                      int64_t step, int64_t count) {
  if (buffers.empty())
    for (size_t n = 0; n < at.size(); ++n)
      buffers.push_back(allocateOnStack(b, kOperandBytes * kOperandsInMemory));
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i)
    for (Value operand : operands(chunk, scales, panel, step + i)) {
      b.store(operand, b.offset(buffers[panel], offset), kOperandBytes);
      offset += kOperandBytes;
    }
  return buffers[panel];
}
