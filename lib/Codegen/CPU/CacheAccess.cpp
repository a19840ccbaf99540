// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Addresses in the KV cache, and decoding of what lies there.

#include "CacheAccess.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Numerics/Decode.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

Value CacheAccess::keyBlock(Value head, Value block) {
  Value blocks = b.div(capacity, kLanes);
  Value index = b.add(b.mul(head, blocks), block);
  return b.offset(layer, b.mul(index, shape.keyBlockBytes()));
}

Value CacheAccess::valueRow(Value head, Value position) {
  Value values = b.mul(capacity, shape.keyBytesPerToken());
  Value index = b.add(b.mul(head, capacity), position);
  return b.offset(layer, b.add(values, b.mul(index, shape.valueRowBytes())));
}

const Plane &CacheAccess::planeAt(const std::string &path) {
  return *llvm::find_if(planes,
                        [&](auto &plane) { return plane.path == path; });
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Codes of whole bytes as 32-bit lanes, or as one scalar.
Value CacheAccess::extend(Value codes, const Element &element) {
  Type narrow = getElementTypeOrSelf(codes), wide = b.getI32Type();
  if (auto vector = dyn_cast<VectorType>(codes.getType()))
    wide = b.vectorOf(wide);
  if (narrow.isInteger(32))
    return codes;
  bool isSigned = element.kind == ElementKind::Int && element.isSigned;
  if (isSigned && narrow.isInteger(element.bits))
    return arith::ExtSIOp::create(b, wide, codes);
  codes = arith::ExtUIOp::create(b, wide, codes);
  if (!isSigned)
    return codes;
  VectorValues values(b, !isa<VectorType>(wide));
  unsigned unused = 32 - element.bits;
  return values.shiftRightArithmetic(values.shiftLeft(codes, unused), unused);
}

/// One piece of a code out of its word of 32-bit lanes.
static Value extractField(VectorValues &v, Value word,
                          const LaneCodes::Piece &piece, int64_t field) {
  if (piece.width >= 8)
    return word;
  unsigned mask = (1u << piece.width) - 1;
  Value bits = v.shiftRightLogical(word, unsigned(field) * piece.width);
  return v.andI(bits, v.constI32(int32_t(mask)));
}

/// The first `count` steps of period `period`, from `address` on.
SmallVector<Value> CacheAccess::loadCodes(const LaneCodes &codes, Value address,
                                          Value period, int64_t count) {
  const Element &element = shape.format.element;
  bool isSigned = element.kind == ElementKind::Int && element.isSigned;
  bool isWhole = codes.pieces.size() == 1 && element.bits >= 8;
  Values result(count);
  for (const LaneCodes::Piece &piece : codes.pieces) {
    int64_t words = codes.period / piece.fields();
    Type lane = b.getIntegerType(8 * piece.laneBytes());
    Value word;
    for (int64_t step = 0; step < count; ++step) {
      int64_t field = step % piece.fields();
      if (field == 0) {
        Value at =
            b.add(b.mul(period, words * piece.wordBytes()),
                  piece.base + step / piece.fields() * piece.wordBytes());
        word = b.load(b.vectorOf(lane), b.offset(address, at));
        if (isWhole) {
          result[step] = extend(word, element);
          continue;
        }
        if (!lane.isInteger(32))
          word = arith::ExtUIOp::create(b, b.vectorOf(b.getI32Type()), word);
      }
      Value bits =
          v.shiftLeft(extractField(v, word, piece, field), piece.bitLo);
      result[step] = result[step] ? v.orI(result[step], bits) : bits;
    }
  }
  unsigned unused = 32 - element.bits;
  if (isSigned && !isWhole)
    for (Value &code : result)
      code = v.shiftRightArithmetic(v.shiftLeft(code, unused), unused);
  return result;
}

Value CacheAccess::decode(Value code, const Parameters &parameters) {
  return applyScale(v, shape.format,
                    decodeElement(v, shape.format.element, code),
                    parameters.scale, parameters.offset);
}

/// Decodes the scale and the offset of a format's root; `codeOf` as in
/// decodeValue.
template <class Parameters, class CodeOf>
static Parameters decodeParameters(VectorValues &v, const Format &format,
                                   const CodeOf &codeOf) {
  Parameters result;
  if (format.isScaled())
    result.scale = decodeValue(v, *format.scale, codeOf, "scale");
  if (format.offset)
    result.offset = decodeValue(v, *format.offset, codeOf,
                                offsetKeyword(format.offsetKind));
  return result;
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

/// The codes of a plane for 16 keys at column `column`.
Value CacheAccess::keySlots(const Plane &plane, Value block, Value column) {
  int64_t bytes = slotBytes(*plane.element);
  Value address = b.offset(block, shape.keyPlane(plane.path));
  if (plane.granule.cols != 0)
    address = b.offset(
        address, b.mul(b.div(column, plane.granule.cols), kLanes * bytes));
  Value codes = b.load(b.vectorOf(b.getIntegerType(8 * bytes)), address);
  return extend(codes, *plane.element);
}

CacheAccess::Parameters CacheAccess::keyParameters(Value block, Value column) {
  return decodeParameters<Parameters>(
      v, shape.format, [&](const std::string &path) {
        return keySlots(planeAt(path), block, column);
      });
}

SmallVector<Value> CacheAccess::foldKeys(ValueRange blocks, ValueRange initial,
                                         const KeyFold &body) {
  LaneCodes codes = shape.keyCodes();
  int64_t run = codes.steps, whole = run / codes.period;
  auto foldRun = [&](Value index, ValueRange outer) {
    Value first = b.mul(index, run);
    SmallVector<Parameters> parameters;
    Values addresses;
    for (Value block : blocks) {
      addresses.push_back(b.offset(block, b.mul(index, codes.bytes)));
      parameters.push_back(keyParameters(block, first));
    }
    auto foldPeriod = [&](Value period, int64_t count, ValueRange before) {
      SmallVector<Values> steps;
      for (Value address : addresses)
        steps.push_back(loadCodes(codes, address, period, count));
      Value column = b.add(first, b.mul(period, codes.period));
      Values carried(before);
      for (int64_t step = 0; step < count; ++step) {
        Values keys;
        for (size_t i = 0; i < blocks.size(); ++i)
          keys.push_back(decode(steps[i][step], parameters[i]));
        carried = body(b.add(column, step), keys, carried);
      }
      return carried;
    };
    Values carried = b.loop(b.i64(0), b.i64(whole), 1, outer,
                            [&](Value period, ValueRange inner) {
                              return foldPeriod(period, codes.period, inner);
                            });
    if (run % codes.period != 0)
      carried = foldPeriod(b.i64(whole), run % codes.period, carried);
    return carried;
  };
  int64_t runs = shape.headDim / run;
  if (runs == 1)
    return foldRun(b.i64(0), initial);
  return b.loop(b.i64(0), b.i64(runs), 1, initial, foldRun);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// The code of a plane for one column.
Value CacheAccess::valueSlot(const Plane &plane, Value row, int64_t column) {
  int64_t bytes = slotBytes(*plane.element);
  int64_t index = plane.granule.cols == 0 ? 0 : column / plane.granule.cols;
  int64_t at = shape.valuePlane(plane.path) + index * bytes;
  return extend(b.load(b.getIntegerType(8 * bytes), b.offset(row, at)),
                *plane.element);
}

/// The codes of a plane for 16 columns.
Value CacheAccess::valueSlots(const Plane &plane, Value row, int64_t chunk) {
  int64_t first = chunk * kLanes;
  Value codes = b.broadcast(valueSlot(plane, row, first));
  int64_t granule =
      plane.granule.cols == 0 ? shape.headDim : plane.granule.cols;
  for (int64_t column = first + 1; column < first + kLanes; ++column) {
    if (column % granule != 0 || column >= shape.headDim)
      continue;
    // From this lane on it is the next code.
    Value isBefore = b.laneMask(b.i64(column - first));
    codes =
        v.selectI(isBefore, codes, b.broadcast(valueSlot(plane, row, column)));
  }
  return codes;
}

CacheAccess::Parameters CacheAccess::valueParameters(Value row, int64_t chunk) {
  int64_t first = chunk * kLanes, run = shape.keyRun();
  int64_t last = std::min(first + kLanes, shape.headDim) - 1;
  if (first / run != last / run)
    return decodeParameters<Parameters>(
        v, shape.format, [&](const std::string &path) {
          return valueSlots(planeAt(path), row, chunk);
        });
  VectorValues scalar(b, /*scalar=*/true);
  auto one = decodeParameters<Parameters>(
      scalar, shape.format, [&](const std::string &path) {
        return valueSlot(planeAt(path), row, first);
      });
  if (one.scale)
    one.scale = b.broadcast(one.scale);
  if (one.offset)
    one.offset = b.broadcast(one.offset);
  return one;
}

Value CacheAccess::loadValues(Value row, int64_t chunk) {
  LaneCodes codes = shape.valueCodes();
  int64_t period = chunk / codes.period, step = chunk % codes.period;
  // What the other steps of the period load and decode is dead code.
  Value code = loadCodes(codes, row, b.i64(period), step + 1).back();
  return decode(code, valueParameters(row, chunk));
}
