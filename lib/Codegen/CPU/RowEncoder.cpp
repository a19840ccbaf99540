// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding of one row of numbers in any format, into private memory.

#include "RowEncoder.h"

#include "quern/Numerics/Encode.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

//===----------------------------------------------------------------------===//
// Scratch memory
//===----------------------------------------------------------------------===//

static int64_t arrayBytes(const Plane &plane, int64_t width) {
  return 4 * int64_t(llvm::alignTo(planeShape(plane, 1, width).cols, kLanes));
}

int64_t RowEncoder::scratchBytes(const Format &format, int64_t width) {
  int64_t bytes = 0;
  for (const Plane &plane : planesOf(format))
    bytes += 3 * arrayBytes(plane, width);
  return bytes;
}

RowEncoder::RowEncoder(KernelBuilder &builder, const Format &format,
                       int64_t width, Value scratch)
    : b(builder), format(format), width(width), scratch(scratch),
      planes(planesOf(format)) {}

std::string RowEncoder::Level::child(const char *name) const {
  return childPath(path, name);
}

Value RowEncoder::array(const std::string &path, Array which) {
  std::string wanted = path.empty() ? "code" : path;
  int64_t at = 0;
  for (const Plane &plane : planes) {
    int64_t bytes = arrayBytes(plane, width);
    if (plane.path == wanted) {
      at += bytes * int64_t(which);
      break;
    }
    at += 3 * bytes;
  }
  return b.offset(scratch, at);
}

namespace {
/// Reads and writes items of arrays in steps: 16 at a time, of which the last
/// step may have fewer, or one at a time.
class Stepper {
public:
  Stepper(KernelBuilder &builder, int64_t lanes)
      : v(builder, lanes == 1), b(builder), lanes(lanes) {}

  Value load(Value array, Value index) {
    Value address = b.offset(array, b.mul(index, 4));
    if (lanes == 1)
      return b.loadF32(address);
    return part ? b.loadVectorPart(address, part) : b.loadVector(address);
  }
  void store(Value items, Value array, Value index) {
    Value address = b.offset(array, b.mul(index, 4));
    // Arrays to be written are in scratch memory and rounded up.
    b.store(items, address, 4);
  }
  Value spread(Value scalar) {
    return lanes == 1 ? scalar : b.broadcast(scalar);
  }

  /// Calls `body` for the items [first, first + count).
  void forEach(Value first, int64_t count, KernelBuilder::Body body) {
    int64_t whole = count / lanes * lanes;
    if (whole != 0)
      b.loop(first, b.add(first, whole), lanes, body);
    if (whole == count)
      return;
    part = b.i64(count - whole);
    body(b.add(first, whole));
    part = nullptr;
  }

  VectorValues v;

private:
  KernelBuilder &b;
  int64_t lanes;
  Value part;
};
} // namespace

/// Lanes for blocks of `block` items that lie side by side.
static int64_t lanesOf(int64_t block) {
  return block % kLanes == 0 ? kLanes : 1;
}

Value RowEncoder::item(Value array, Value index) {
  return b.loadF32(b.offset(array, b.mul(index, 4)));
}

//===----------------------------------------------------------------------===//
// Ranges of blocks
//===----------------------------------------------------------------------===//

/// The value of largest magnitude, the first of equals, with its sign.
Value RowEncoder::firstLargest(const Level &level, Value first, int64_t block) {
  VectorValues v(b, /*scalar=*/true);
  Value start = item(level.input, first);
  return b.loop(b.add(first, 1), b.add(first, block), 1, ValueRange{start},
                [&](Value k, ValueRange carried) -> SmallVector<Value> {
                  Value x = item(level.input, k);
                  Value isLarger = v.lessF(v.absF(carried[0]), v.absF(x));
                  return {v.selectF(isLarger, x, carried[0])};
                })[0];
}

/// The statistic that the block's scale follows from; sets `low`.
Value RowEncoder::statistic(const Level &level, Value first, int64_t block) {
  int64_t lanes = lanesOf(block);
  Stepper step(b, lanes);
  VectorValues &v = step.v, scalar(b, /*scalar=*/true);
  Value zero = v.constF32(0);
  // The largest magnitude, the largest value and the negated least one; what
  // nobody asks for is dead code.
  auto most =
      b.loop(first, b.add(first, block), lanes, ValueRange{zero, zero, zero},
             [&](Value k, ValueRange carried) -> SmallVector<Value> {
               Value x = step.load(level.input, k);
               return {v.maxF(v.absF(x), carried[0]), v.maxF(x, carried[1]),
                       v.maxF(v.subF(zero, x), carried[2])};
             });
  if (lanes != 1)
    for (Value &value : most)
      value = b.maxLanes(value);
  low = scalar.subF(scalar.constF32(0), most[2]);
  switch (level.format.scaleRule.statistic) {
  case ScaleStatistic::AbsMax:
    break;
  case ScaleStatistic::SignedMax:
    return firstLargest(level, first, block);
  case ScaleStatistic::Range:
    return scalar.minF(scalar.subF(most[1], low),
                       scalar.constF32(std::numeric_limits<float>::max()));
  }
  return most[0];
}

/// Exact scales, and the lows of blocks where there is an offset.
void RowEncoder::emitRanges(const Level &level, int64_t block) {
  VectorValues v(b, /*scalar=*/true);
  const Format &f = level.format;
  b.loop(b.i64(0), b.i64(level.count / block), 1, [&](Value index) {
    Value value = statistic(level, b.mul(index, block), block);
    auto put = [&](Value x, const char *name) {
      b.store(x,
              b.offset(array(level.child(name), Array::Input), b.mul(index, 4)),
              4);
    };
    put(exactScale(v, f, value), "scale");
    if (f.offset)
      put(low, offsetKeyword(f.offsetKind));
  });
}

/// The scales that codes are chosen with.
Value RowEncoder::usedScales(const Level &level) {
  bool isExact = level.format.codesFromExactScale;
  return array(level.child("scale"), isExact ? Array::Input : Array::Decoded);
}

/// Turns the lows of blocks into exact offsets.
void RowEncoder::emitOffsets(const Level &level, int64_t blocks) {
  VectorValues v(b, /*scalar=*/true);
  const Format &f = level.format;
  Value lows = array(level.child(offsetKeyword(f.offsetKind)), Array::Input);
  Value scales = usedScales(level);
  b.loop(b.i64(0), b.i64(blocks), 1, [&](Value index) {
    Value scale = item(scales, index);
    Value offset =
        exactOffset(v, f, item(lows, index), scale, inverseScale(v, scale));
    b.store(offset, b.offset(lows, b.mul(index, 4)), 4);
  });
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

void RowEncoder::encodeUnscaled(const Level &level) {
  Stepper step(b, kLanes);
  const Format &f = level.format;
  ScaleRule rule = level.rule ? *level.rule : ScaleRule();
  step.forEach(b.i64(0), level.count, [&](Value k) {
    Value code = encodeScale(step.v, f.element, rule, f.codeRounding,
                             step.load(level.input, k));
    step.store(code, array(level.path, Array::Codes), k);
    if (!level.path.empty()) // nobody asks what the row itself decodes to
      step.store(decodeElement(step.v, f.element, code),
                 array(level.path, Array::Decoded), k);
  });
}

void RowEncoder::emitCodes(const Level &level, int64_t block) {
  const Format &f = level.format;
  Stepper step(b, lanesOf(block));
  VectorValues scalar(b, /*scalar=*/true);
  Value stored = array(level.child("scale"), Array::Decoded);
  b.loop(b.i64(0), b.i64(level.count / block), 1, [&](Value index) {
    Value inverse =
        step.spread(inverseScale(scalar, item(usedScales(level), index)));
    Value scale = step.spread(item(stored, index)), offset = scale;
    if (f.offset)
      offset = step.spread(
          item(array(level.child(offsetKeyword(f.offsetKind)), Array::Decoded),
               index));
    step.forEach(b.mul(index, block), block, [&](Value k) {
      Value x = step.load(level.input, k);
      Value code =
          level.rule
              ? encodeScale(step.v, f.element, *level.rule, f.codeRounding,
                            codeDomainValue(step.v, f, x, inverse, offset))
              : encodeCode(step.v, f, x, inverse, offset);
      step.store(code, array(level.path, Array::Codes), k);
      if (level.path.empty())
        return;
      step.store(applyScale(step.v, f, decodeElement(step.v, f.element, code),
                            scale, offset),
                 array(level.path, Array::Decoded), k);
    });
  });
}

void RowEncoder::encodeScaled(const Level &level) {
  const Format &f = level.format;
  int64_t block = f.block.cols == 0 ? level.count : f.block.cols;
  int64_t blocks = level.count / block;
  emitRanges(level, block);
  std::string scale = level.child("scale");
  encode({*f.scale, &f.scaleRule, scale, array(scale, Array::Input), blocks});
  if (f.offset) {
    emitOffsets(level, blocks);
    std::string offset = level.child(offsetKeyword(f.offsetKind));
    encode({*f.offset, nullptr, offset, array(offset, Array::Input), blocks});
  }
  emitCodes(level, block);
}

void RowEncoder::encode(const Level &level) {
  level.format.isScaled() ? encodeScaled(level) : encodeUnscaled(level);
}

void RowEncoder::emit(Value row) { encode({format, nullptr, "", row, width}); }
