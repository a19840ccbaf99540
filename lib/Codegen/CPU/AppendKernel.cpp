// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The kernel that encodes keys and values and puts them into the cache.

#include "CacheAccess.h"
#include "RowEncoder.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

namespace {
/// Puts the codes that a RowEncoder has left in memory into their places.
class CachePacker {
public:
  CachePacker(KernelBuilder &builder, const CacheShape &shape,
              RowEncoder &encoder)
      : b(builder), shape(shape), encoder(encoder) {}

  void packKey(Value block, Value lane);
  void packValue(Value row);

private:
  void packWords(const LaneCodes &codes, Value from, Value to, Value lane);
  Value packFields(VectorValues &v, const LaneCodes::Piece &piece, Value from,
                   Value step, int64_t fields, int64_t stride);
  void packSlots(const Plane &plane, Value to, int64_t stride);

  KernelBuilder &b;
  const CacheShape &shape;
  RowEncoder &encoder;
};
} // namespace

/// The word that holds `fields` steps of a piece, the first of which is `step`;
/// the codes of a step begin `stride` bytes behind those of the one before.
Value CachePacker::packFields(VectorValues &v, const LaneCodes::Piece &piece,
                              Value from, Value step, int64_t fields,
                              int64_t stride) {
  Type type = stride == 4 ? Type(b.getI32Type()) : b.vectorOf(b.getI32Type());
  Value first = b.offset(from, b.mul(step, stride));
  Value word;
  for (int64_t field = 0; field < fields; ++field) {
    Value bits = v.shiftRightLogical(
        b.load(type, b.offset(first, field * stride), 4), piece.bitLo);
    if (piece.width < 8)
      bits = v.andI(bits, v.constI32((1 << piece.width) - 1));
    bits = v.shiftLeft(bits, unsigned(field) * piece.width);
    word = word ? v.orI(word, bits) : bits;
  }
  if (piece.width == 32)
    return word;
  Type narrow = b.getIntegerType(8 * piece.laneBytes());
  if (stride != 4)
    narrow = b.vectorOf(narrow);
  return arith::TruncIOp::create(b, narrow, word);
}

/// Packs steps of 16 codes, or, given `lane`, of the one code of that lane.
void CachePacker::packWords(const LaneCodes &codes, Value from, Value to,
                            Value lane) {
  VectorValues v(b, /*scalar=*/bool(lane));
  int64_t stride = lane ? 4 : 4 * kLanes;
  for (const LaneCodes::Piece &piece : codes.pieces) {
    Value base = b.offset(to, piece.base);
    if (lane)
      base = b.offset(base, b.mul(lane, piece.laneBytes()));
    int64_t whole = codes.steps / piece.fields();
    auto packWord = [&](Value word, int64_t fields) {
      Value packed = packFields(v, piece, from, b.mul(word, piece.fields()),
                                fields, stride);
      b.store(packed, b.offset(base, b.mul(word, piece.wordBytes())));
    };
    b.loop(b.i64(0), b.i64(whole), 1,
           [&](Value word) { packWord(word, piece.fields()); });
    if (codes.steps % piece.fields() != 0)
      packWord(b.i64(whole), codes.steps % piece.fields());
  }
}

/// Codes of a plane that is stored in slots, `stride` of them apart.
void CachePacker::packSlots(const Plane &plane, Value to, int64_t stride) {
  int64_t bytes = slotBytes(*plane.element);
  Value from = encoder.codes(plane.path);
  b.loop(b.i64(0), b.i64(planeShape(plane, 1, shape.headDim).cols), 1,
         [&](Value i) {
           Value code = b.load(b.getI32Type(), b.offset(from, b.mul(i, 4)), 4);
           if (bytes < 4)
             code =
                 arith::TruncIOp::create(b, b.getIntegerType(8 * bytes), code);
           b.store(code, b.offset(to, b.mul(i, stride * bytes)));
         });
}

void CachePacker::packKey(Value block, Value lane) {
  LaneCodes codes = shape.keyCodes();
  Value from = encoder.codes("code");
  b.loop(b.i64(0), b.i64(shape.headDim / codes.steps), 1, [&](Value run) {
    packWords(codes, b.offset(from, b.mul(run, 4 * codes.steps)),
              b.offset(block, b.mul(run, codes.bytes)), lane);
  });
  for (const Plane &plane : planesOf(shape.format)) {
    if (plane.path == "code")
      continue;
    Value to = b.offset(block, shape.keyPlane(plane.path));
    packSlots(plane, b.offset(to, b.mul(lane, slotBytes(*plane.element))),
              kLanes);
  }
}

void CachePacker::packValue(Value row) {
  packWords(shape.valueCodes(), encoder.codes("code"), row, /*lane=*/nullptr);
  for (const Plane &plane : planesOf(shape.format))
    if (plane.path != "code")
      packSlots(plane, b.offset(row, shape.valuePlane(plane.path)), 1);
}

int64_t codegen::appendScratchBytes(const CacheShape &shape) {
  return RowEncoder::scratchBytes(shape.format, shape.headDim);
}

/// Whether a row is coded number by number, block by block, at every level.
static bool isRowByRow(const Format &format) {
  if (format.element.isComposite() || format.dividesByScale)
    return false;
  if (format.offset &&
      (!(format.offsetBlock == format.block) || !isRowByRow(*format.offset)))
    return false;
  return !format.isScaled() || isRowByRow(*format.scale);
}

Status codegen::emitKvAppendKernel(KernelBuilder &b, StringRef name,
                                   const CacheShape &shape) {
  if (!isRowByRow(shape.format))
    return Status::error(StatusCode::Unsupported,
                         "expects a KV cache with a code a number, and offsets "
                         "with the blocks of their scales, but got " +
                             printFormat(shape.format));
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, p, i, i, i, i, i}).getArguments();
  int64_t width = shape.heads * shape.headDim;
  int64_t stride = ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
  CacheAccess cache(b, shape, args[2], args[6]);
  RowEncoder encoder(b, shape.format, shape.headDim, args[3]);
  CachePacker packer(b, shape, encoder);
  // Heads vary slowest, so that no two workers write into one block of keys.
  Value tokens = args[4];
  auto [begin, end] = b.share(b.i64(shape.heads), args[7], args[8]);
  b.loop(begin, end, 1, [&](Value head) {
    b.loop(b.i64(0), tokens, 1, [&](Value token) {
      Value at = b.add(b.mul(token, stride), b.mul(head, 4 * shape.headDim));
      Value position = b.add(args[5], token);
      encoder.emit(b.offset(args[0], at));
      packer.packKey(cache.keyBlock(head, b.div(position, kLanes)),
                     b.rem(position, kLanes));
      encoder.emit(b.offset(args[1], at));
      packer.packValue(cache.valueRow(head, position));
    });
  });
  b.endFunction();
  return Status::ok();
}
