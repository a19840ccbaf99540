// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which scales can be multiplied into codes, and how.

#include "FoldedScales.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

/// Integers up to here are exact in binary32.
static constexpr double kMostExact = 1 << 24;
static constexpr double kMostActivation = 127;

namespace {
struct CodeRange {
  double low, high;
  double magnitude() const { return std::max(std::abs(low), std::abs(high)); }
};
} // namespace

/// The integers that `format`, of a scale or an offset, multiplies with a scale
/// of its own; none if it is of another kind.
static std::optional<CodeRange> integerCodes(const Format &format) {
  std::optional<IntegerElement> element = integerElement(format.element);
  if (!format.isScaled() || format.offset || format.dividesByScale ||
      !element || element->planes() != 1 || element->shift != 0)
    return std::nullopt;
  return CodeRange{lowestValue(format.element), largestValue(format.element)};
}

/// Whether the plane `path` has one code for all columns of a span.
static bool isConstantInSpan(const Format &format, const std::string &path,
                             int64_t span) {
  for (const Plane &plane : planesOf(format))
    if (plane.path.rfind(path, 0) == 0 && plane.granule.cols % span != 0)
      return false;
  return true;
}

/// Whether spans are of several chunks and lie in a tile.
static bool hasChunksInSpans(const LinearSpec &spec, const PanelShape &shape) {
  return spec.input.kind == ActivationRow::Kind::Int8 &&
         spec.weight.isScaled() && spanTiles(spec, shape) == 1 &&
         spanDepth(spec, shape) > chunkDepth(spec, shape);
}

bool codegen::hasIntegerOffsets(const LinearSpec &spec,
                                const PanelShape &shape) {
  const Format &format = spec.weight;
  bool isAdded = format.offsetKind == OffsetKind::Min ||
                 format.offsetKind == OffsetKind::Add;
  if (!isAdded || !hasChunksInSpans(spec, shape) ||
      !(format.offsetBlock == format.block))
    return false;
  int64_t span = spanDepth(spec, shape), chunk = chunkDepth(spec, shape);
  std::optional<CodeRange> codes = integerCodes(*format.offset);
  std::string keyword = offsetKeyword(format.offsetKind);
  return codes && isConstantInSpan(format, keyword + ".scale", span) &&
         codes->magnitude() * kMostActivation * double(span) < kMostExact &&
         span / chunk % 2 == 0 && spec.input.hasSums(chunk) &&
         ActivationRow::sumBytes(chunk) == 2;
}

std::optional<IntegerElement> codegen::foldedElement(const LinearSpec &spec,
                                                     const PanelShape &shape) {
  const Format &format = spec.weight;
  if (!hasChunksInSpans(spec, shape) || format.dividesByScale)
    return std::nullopt;
  std::optional<IntegerElement> element = integerElement(format.element);
  std::optional<CodeRange> scale = integerCodes(*format.scale);
  int64_t span = spanDepth(spec, shape);
  if (!element || element->planes() != 1 || !scale ||
      !isConstantInSpan(format, "scale.scale", span) ||
      (format.offset && !hasIntegerOffsets(spec, shape)))
    return std::nullopt;
  double unit = std::ldexp(1.0, element->shift);
  double low = lowestValue(format.element) * unit;
  double high = largestValue(format.element) * unit;
  auto [least, most] = std::minmax({low * scale->low, low * scale->high,
                                    high * scale->low, high * scale->high});
  least = std::min(least, 0.0);
  if (most - least > 255 ||
      std::max(most, -least) * kMostActivation * double(span) >= kMostExact)
    return std::nullopt;
  IntegerElement folded;
  folded.shift = element->shift;
  folded.bias = int(-least);
  while ((1 << folded.bits) <= int(most - least))
    ++folded.bits;
  return folded;
}

bool codegen::foldsWhenDecoding(const LinearSpec &spec, const PanelShape &shape,
                                const CpuTarget &target) {
  std::optional<IntegerElement> folded = foldedElement(spec, shape);
  if (!folded || target.byteDot == ByteDot::Widen)
    return false;
  // Bytes of eight bits are multiplied in two parts there.
  return target.byteDot != ByteDot::Avx2 || folded->bits <= 7;
}

Value codegen::foldFactor(KernelBuilder &b, Value bytes, Value factor,
                          const IntegerElement &element,
                          const IntegerElement &folded) {
  VectorValues v(b);
  // value * s + folded.bias = (value + bias) * s + (folded.bias - bias * s),
  // modulo 2^8: even bytes and odd ones in 16-bit lanes.
  Value rest =
      v.subI(v.constI32(folded.bias), v.mulI(factor, v.constI32(element.bias)));
  auto shorts = b.vectorOf(b.getI16Type(), 2 * kLanes);
  auto twice = [&](Value lanes) {
    lanes = v.andI(lanes, v.constI32(0xffff));
    return vector::BitCastOp::create(b, shorts,
                                     v.orI(lanes, v.shiftLeft(lanes, 16)));
  };
  Value factors = twice(factor), rests = twice(rest);
  auto multiply = [&](Value codes) {
    Value product = arith::MulIOp::create(
        b, vector::BitCastOp::create(b, shorts, codes), factors);
    product = arith::AddIOp::create(b, product, rests);
    return vector::BitCastOp::create(b, bytes.getType(), product).getResult();
  };
  Value low = v.constI32(0x00ff00ff);
  Value even = v.andI(multiply(v.andI(bytes, low)), low);
  Value odd = multiply(v.andI(v.shiftRightLogical(bytes, 8), low));
  return v.orI(even, v.shiftLeft(v.andI(odd, low), 8));
}
