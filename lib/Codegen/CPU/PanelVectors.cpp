// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Composite elements out of a panel: vectors of a codebook, and signs.
//
// A lane of a gathered word is four consecutive K of one row: what a four-way
// byte dot product reads. So a table of bytes is laid out by words, and one
// gather decodes 4 x 16 weights.

#include "quern/Codegen/CPU/DecodeRecipe.h"
#include "quern/Codegen/CPU/PanelReader.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Numerics/Decode.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

/// A shift by a count that is known at run time only.
static Value shiftRightBy(KernelBuilder &b, Value lanes, Value count) {
  Value narrow = arith::TruncIOp::create(b, b.getI32Type(), count);
  return arith::ShRUIOp::create(b, lanes, b.broadcast(narrow));
}

static Value splatOf(KernelBuilder &b, Value scalar) {
  return b.broadcast(arith::TruncIOp::create(b, b.getI32Type(), scalar));
}

/// The code of the vector that holds column kInTile + delta, one to a lane.
Value PanelReader::vectorCode(const PanelStep &step, int64_t delta) {
  VectorValues v(b);
  int64_t size = shape.format->element.vectorSize();
  Value index = b.div(b.add(step.kInTile, delta), size);
  Value code;
  for (const Piece &piece : shape.layout->segments[shape.codeSegment].pieces) {
    if (piece.plane != "code")
      continue;
    int64_t width = piece.bitHi - piece.bitLo, perLane = 32 / width;
    // Neighbours lie in the bytes of a lane, then in the fields of a byte.
    Value rest = b.rem(index, perLane);
    Value shift = width >= 8 ? b.mul(rest, width)
                             : b.add(b.mul(b.rem(rest, 4), 8),
                                     b.mul(b.div(rest, 4), width));
    Value bits = loadPieceWord(step.tileAddress, piece, b.div(index, perLane));
    bits = shiftRightBy(b, bits, shift);
    if (width < 32)
      bits = v.andI(bits, v.constI32(int32_t((int64_t(1) << width) - 1)));
    if (piece.bitLo != 0)
      bits = v.shiftLeft(bits, piece.bitLo);
    code = code ? v.orI(code, bits) : bits;
  }
  return code;
}

/// 1 in each byte whose column is negative, else 0.
Value PanelReader::signBits(const PanelStep &step) {
  VectorValues v(b);
  const Segment &segment = shape.layout->segments[shape.codeSegment];
  auto piece = llvm::find_if(segment.pieces,
                             [](const Piece &p) { return p.plane == "sign"; });
  if (shape.format->element.signs == SignPolicy::Each) {
    // 32 columns to a lane: the byte is k % 4, the bit of it (k / 4) % 8.
    Value word =
        loadPieceWord(step.tileAddress, *piece, b.div(step.kInTile, 32));
    Value field = b.div(b.rem(step.kInTile, 32), 4);
    return v.andI(shiftRightBy(b, word, field), v.constI32(0x01010101));
  }
  std::vector<Plane> planes = planesOf(*shape.format);
  auto plane =
      llvm::find_if(planes, [](const Plane &p) { return p.path == "sign"; });
  Value code =
      planeLanes(*step.at, *plane, step.tile, step.tileAddress, step.kInTile);
  Value last = decodeSign(v, SignPolicy::Even, code, kSignsOfEven - 1);
  Value all = v.orI(code, v.shiftLeft(last, kSignsOfEven - 1));
  Value four = shiftRightBy(b, all, b.rem(step.kInTile, kSignsOfEven));
  Value spread = v.andI(four, v.constI32(15)); // bit i goes to byte i
  for (unsigned shift : {7, 14})
    spread = v.orI(spread, v.shiftLeft(spread, shift));
  return v.andI(spread, v.constI32(0x01010101));
}

/// Four entries of the codebook to a lane, as bytes and without signs.
Value PanelReader::vectorBytes(const PanelStep &step, ArrayRef<int> table) {
  VectorValues v(b);
  int64_t size = shape.format->element.vectorSize();
  if (chooseBytes(shape.format->element, b.target) == BytesRecipe::GatherWord) {
    SmallVector<int32_t> words;
    for (size_t i = 0; i < table.size(); i += 4) {
      uint32_t word = 0;
      for (size_t k = 0; k < 4; ++k)
        word |= uint32_t(uint8_t(table[i + k])) << (8 * k);
      words.push_back(int32_t(word));
    }
    Value index = vectorCode(step, 0);
    if (size > 4) {
      index = v.mulI(index, v.constI32(int32_t(size / 4)));
      Value place = b.div(b.rem(step.kInTile, size), 4);
      index = v.addI(index, splatOf(b, place));
    }
    return b.gather(b.constantTable(words), index, b.getI32Type());
  }
  SmallVector<int32_t> entries(table.begin(), table.end());
  Value base = b.constantTable(entries), bytes;
  for (int64_t k = 0; k < 4; ++k) {
    Value index = v.addI(v.mulI(vectorCode(step, k), v.constI32(int32_t(size))),
                         v.constI32(int32_t(k % size)));
    Value byte =
        v.andI(b.gather(base, index, b.getI32Type()), v.constI32(0xff));
    byte = v.shiftLeft(byte, unsigned(8 * k));
    bytes = bytes ? v.orI(bytes, byte) : byte;
  }
  return bytes;
}

Value PanelReader::compositeBytes(const PanelStep &step, ArrayRef<int> table,
                                  int bias) {
  VectorValues v(b);
  auto bytesType = b.vectorOf(b.getI8Type(), 64);
  auto asBytes = [&](Value words) {
    return vector::BitCastOp::create(b, bytesType, words).getResult();
  };
  Value words = vectorBytes(step, table);
  Value sum = v.constI32(int32_t(uint32_t(bias) * 0x01010101u));
  if (shape.format->element.signs != SignPolicy::None) {
    // -x = ~x + 1, byte by byte.
    Value bits = signBits(step);
    Value mask = v.subI(v.shiftLeft(bits, 8), bits);
    words = v.xorI(words, mask);
    sum = v.addI(sum, bits);
  }
  Value bytes = arith::AddIOp::create(b, asBytes(words), asBytes(sum));
  return vector::BitCastOp::create(b, words.getType(), bytes);
}

SmallVector<Value, 4> PanelReader::compositeLanes(const PanelStep &step) {
  VectorValues v(b);
  const Element &element = shape.format->element;
  int64_t size = element.vectorSize();
  Value signs;
  if (element.signs != SignPolicy::None)
    signs = signBits(step);
  Value place = splatOf(b, b.rem(step.kInTile, size));
  SmallVector<Value, 4> lanes;
  Value code;
  for (int64_t k = 0; k < 4; ++k) {
    if (k == 0 || size < 4)
      code = vectorCode(step, k);
    Value index = code;
    if (size > 1) {
      index = v.mulI(code, v.constI32(int32_t(size)));
      index = size < 4 ? v.addI(index, v.constI32(int32_t(k % size)))
                       : v.addI(v.addI(index, place), v.constI32(int32_t(k)));
    }
    Value value = v.lookup(element.codebook.values, index);
    if (signs) {
      Value bit =
          v.andI(v.shiftRightLogical(signs, unsigned(8 * k)), v.constI32(1));
      value = negateIf(v, bit, value);
    }
    lanes.push_back(value);
  }
  return lanes;
}
