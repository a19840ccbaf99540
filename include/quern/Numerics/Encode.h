// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From values to codes: the one definition of encoding.
//
// Templates over a value class V, like Decode.h. A level of a format is encoded
// in this order: the statistic of each block, exactScale, encodeScale (for a
// scale that is a plain element; a scaled one is encoded as a matrix of its
// own), exactOffset, and encodeCode with the inverse of the scale. Division by
// the scale is multiplication by its rounded inverse, as in ggml and
// bitsandbytes.

#ifndef QUERN_NUMERICS_ENCODE_H
#define QUERN_NUMERICS_ENCODE_H

#include "quern/Numerics/Decode.h"

namespace quern::numerics {

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

inline int32_t lowestCodeOf(const Element &e) {
  return e.isSigned ? -int32_t(1u << (e.bits - 1)) : 0;
}
inline int32_t highestCodeOf(const Element &e) {
  if (e.levels != 0)
    return int32_t(e.levels) - 1;
  return int32_t((1u << (e.bits - (e.isSigned ? 1 : 0))) - 1);
}

/// round(y), saturated; NaN gives the lowest code. CodeRounding::Up counts from
/// the lowest code, which rounds as ggml's `trunc(y + 8.5f)` does.
template <class V>
typename V::I32 encodeInt(V &v, const Element &e, CodeRounding rounding,
                          typename V::F32 y) {
  auto low = v.constF32(float(lowestCodeOf(e)));
  auto high = v.constF32(float(highestCodeOf(e)));
  auto saturate = [&](typename V::F32 value) {
    return v.minF(v.maxF(value, low), high);
  };
  switch (rounding) {
  case CodeRounding::Even:
    break;
  case CodeRounding::Away: {
    auto size = v.absF(y);
    auto whole = v.floorF(size);
    auto isDown = v.lessF(v.subF(size, whole), v.constF32(0.5f));
    auto rounded = v.selectF(isDown, whole, v.addF(whole, v.constF32(1.0f)));
    auto isNegative = v.lessF(y, v.constF32(0.0f));
    return v.roundToI32(saturate(
        v.selectF(isNegative, v.subF(v.constF32(0.0f), rounded), rounded)));
  }
  case CodeRounding::Up: {
    float base = float(lowestCodeOf(e));
    auto counted = v.floorF(v.addF(y, v.constF32(0.5f - base)));
    return v.roundToI32(saturate(v.addF(counted, v.constF32(base))));
  }
  }
  return v.roundToI32(saturate(y));
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

/// Which neighbour a magnitude that is not representable becomes.
enum class MagnitudeRounding { Even, TowardZero };

/// The code, without sign, of a magnitude 0 <= a <= largest finite value.
template <class V>
typename V::I32 encodeMagnitude(V &v, const FloatType &t,
                                MagnitudeRounding rounding, typename V::F32 a) {
  bool even = rounding == MagnitudeRounding::Even;
  unsigned mantissa = t.mantissaBits, drop = 23 - mantissa;
  auto bits = v.bitcastI(a);
  // Adding just under half of the last place, or half if that place is odd,
  // carries exactly when the dropped bits must round up.
  if (even && drop != 0)
    bits = v.addI(v.addI(bits, v.constI32(int32_t((1u << (drop - 1)) - 1))),
                  v.andI(v.shiftRightLogical(bits, drop), v.constI32(1)));
  auto normal = v.subI(v.shiftRightLogical(bits, drop),
                       v.constI32((127 - t.bias) * int32_t(1u << mantissa)));
  if (isTopOfF32(t))
    return normal;
  auto minNormal = v.constF32(powerOfTwo(1 - t.bias));
  auto isSubnormal = v.lessF(a, minNormal);
  if (isPowerOfTwoOnly(t)) { // codes 0 and 1 are 2^-bias and 2^(1-bias)
    auto half = v.constF32(1.5f * powerOfTwo(-t.bias));
    auto low = even ? v.selectI(v.lessF(half, a), v.constI32(1), v.constI32(0))
                    : v.constI32(0);
    return v.selectI(isSubnormal, low, normal);
  }
  auto units = v.mulF(v.minF(a, minNormal),
                      v.constF32(powerOfTwo(t.bias - 1 + int(mantissa))));
  auto subnormal = v.roundToI32(even ? units : v.floorF(units));
  return v.selectI(isSubnormal, subnormal, normal);
}

/// Adds the sign of `x` to a code without one.
template <class V>
typename V::I32 attachSign(V &v, const FloatType &t, typename V::F32 x,
                           typename V::I32 magnitude) {
  if (!t.hasSign)
    return magnitude;
  auto isNegative = v.lessI(v.bitcastI(x), v.constI32(0));
  auto sign = v.selectI(isNegative, v.constI32(signMaskOf(t)), v.constI32(0));
  auto code = v.orI(magnitude, sign);
  if (t.special == FloatType::Special::NegZeroIsNan)
    code = v.selectI(v.equalI(magnitude, v.constI32(0)), magnitude, code);
  return code;
}

/// The magnitude of x, saturated; what is negative becomes zero in a type
/// without sign.
template <class V>
typename V::F32 saturatedMagnitude(V &v, const FloatType &t,
                                   typename V::F32 x) {
  auto largest = v.constF32([&] {
    ScalarValues s;
    return decodeFloat(s, t, maxFiniteCodeOf(t));
  }());
  auto a = t.hasSign ? v.absF(x) : v.maxF(x, v.constF32(0.0f));
  return v.minF(a, largest);
}

/// Nearest even, saturated at the largest finite value. Infinities and NaN keep
/// their meaning in types that have them; else infinity saturates, and NaN
/// becomes the largest value (zero in a type without sign).
template <class V>
typename V::I32 encodeFloat(V &v, const FloatType &t, typename V::F32 x) {
  auto a = saturatedMagnitude(v, t, x);
  auto magnitude = encodeMagnitude(v, t, MagnitudeRounding::Even, a);
  if (t.special == FloatType::Special::Ieee) {
    auto infinity = v.constF32(std::numeric_limits<float>::infinity());
    magnitude = v.selectI(v.equalF(v.absF(x), infinity),
                          v.constI32(exponentMaskOf(t)), magnitude);
  }
  auto code = attachSign(v, t, x, magnitude);
  if (nanCodeOf(t) >= 0)
    code = v.selectI(v.equalF(x, x), code, v.constI32(nanCodeOf(t)));
  return code;
}

//===----------------------------------------------------------------------===//
// Codebooks
//===----------------------------------------------------------------------===//

/// The nearest value's index; ties go to the lower index.
template <class V>
typename V::I32 encodeCodebook(V &v, const std::vector<float> &table,
                               typename V::F32 x) {
  auto best = v.absF(v.subF(x, v.constF32(table[0])));
  auto index = v.constI32(0);
  for (size_t i = 1; i < table.size(); ++i) {
    auto distance = v.absF(v.subF(x, v.constF32(table[i])));
    auto isNearer = v.lessF(distance, best);
    best = v.selectF(isNearer, distance, best);
    index = v.selectI(isNearer, v.constI32(int32_t(i)), index);
  }
  return index;
}

//===----------------------------------------------------------------------===//
// Elements and scales
//===----------------------------------------------------------------------===//

/// The code nearest to x, of an element that is not composite.
template <class V>
typename V::I32 encodeElement(V &v, const Element &e, CodeRounding rounding,
                              typename V::F32 x) {
  switch (e.kind) {
  case ElementKind::Int:
    break;
  case ElementKind::Float:
    return encodeFloat(v, *e.floatType, x);
  case ElementKind::Codebook:
    return encodeCodebook(v, e.codebook.values, x);
  }
  if (e.addend != 0)
    x = v.subF(x, v.constF32(e.addend));
  if (e.multiplier != 1)
    x = v.mulF(x, v.constF32(1 / e.multiplier));
  return encodeInt(v, e, rounding, x);
}

/// The exact scale of a block from its statistic (ScaleRule::statistic).
template <class V>
typename V::F32 exactScale(V &v, const Format &f, typename V::F32 statistic) {
  return v.divF(statistic, v.constF32(float(f.scaleRule.divisor)));
}

/// Whether a magnitude from the representable `below` up to its successor
/// rounds down, by a rule that is not Nearest.
template <class V>
typename V::Bool staysDown(V &v, const ScaleRule &rule, typename V::F32 below,
                           typename V::F32 a) {
  if (rule.rounding == ScaleRounding::Up)
    return v.equalF(v.maxF(below, a), below);
  return v.lessF(a, v.mulF(below, v.constF32(float(rule.threshold))));
}

/// The code of the exact scale `x` in the scale's own element, by the scale
/// rule of the level above. `own` is the scale format's codeRounding, which
/// decides if the rule says nearest.
template <class V>
typename V::I32 encodeScale(V &v, const Element &e, const ScaleRule &rule,
                            CodeRounding own, typename V::F32 x) {
  bool directed = rule.rounding != ScaleRounding::Nearest;
  if (!directed || e.kind == ElementKind::Codebook)
    return encodeElement(v, e, own, x);
  bool mayGoUp = rule.rounding != ScaleRounding::Down;
  if (e.kind == ElementKind::Float) {
    const FloatType &t = *e.floatType;
    auto a = saturatedMagnitude(v, t, x);
    auto code = encodeMagnitude(v, t, MagnitudeRounding::TowardZero, a);
    if (mayGoUp) {
      auto isDown = staysDown(v, rule, decodeMagnitude(v, t, code), a);
      auto next =
          v.minI(v.addI(code, v.constI32(1)), v.constI32(maxFiniteCodeOf(t)));
      code = v.selectI(isDown, code, next);
    }
    return attachSign(v, t, x, code);
  }
  auto a = v.absF(x);
  auto whole = v.floorF(a);
  if (mayGoUp)
    whole = v.selectF(staysDown(v, rule, whole, a), whole,
                      v.addF(whole, v.constF32(1.0f)));
  auto isNegative = v.lessF(x, v.constF32(0.0f));
  auto rounded = v.selectF(isNegative, v.subF(v.constF32(0.0f), whole), whole);
  return encodeElement(v, e, CodeRounding::Even, rounded);
}

//===----------------------------------------------------------------------===//
// Codes of a block
//===----------------------------------------------------------------------===//

/// 1 / scale, kept finite; zero for a zero scale, whose block is all zero.
template <class V> typename V::F32 inverseScale(V &v, typename V::F32 scale) {
  auto limit = v.constF32(std::numeric_limits<float>::max());
  auto inverse = v.divF(v.constF32(1.0f), scale);
  auto finite = v.maxF(v.minF(inverse, limit),
                       v.constF32(-std::numeric_limits<float>::max()));
  return v.selectF(v.equalF(scale, v.constF32(0.0f)), v.constF32(0.0f), finite);
}

/// The exact offset that puts the block's minimum, or zero if that is lower,
/// on the element's lowest value. `low` is min(0, min x); `scale` and `inverse`
/// belong to the scale as stored.
template <class V>
typename V::F32 exactOffset(V &v, const Format &f, typename V::F32 low,
                            typename V::F32 scale, typename V::F32 inverse) {
  auto lowest = v.constF32(lowestValue(f.element));
  if (f.offsetKind == OffsetKind::Zero)
    return v.subF(lowest, v.mulF(low, inverse));
  auto scaled =
      f.dividesByScale ? v.divF(lowest, scale) : v.mulF(scale, lowest);
  if (f.offsetKind == OffsetKind::Add)
    return v.subF(low, scaled);
  return v.subF(scaled, low);
}

/// x in units of its scale, shifted by its decoded offset (ignored where the
/// format has none): what is rounded to a code.
template <class V>
typename V::F32 codeDomainValue(V &v, const Format &f, typename V::F32 x,
                                typename V::F32 inverse,
                                typename V::F32 offset) {
  switch (f.offsetKind) {
  case OffsetKind::None:
    break;
  case OffsetKind::Min:
    return v.mulF(v.addF(x, offset), inverse);
  case OffsetKind::Add:
  case OffsetKind::Mean:
    return v.mulF(v.subF(x, offset), inverse);
  case OffsetKind::Zero:
    return v.addF(v.mulF(x, inverse), offset);
  }
  return v.mulF(x, inverse);
}

/// The code of x, given the inverse of its scale and its decoded offset
/// (ignored where the format has none).
template <class V>
typename V::I32 encodeCode(V &v, const Format &f, typename V::F32 x,
                           typename V::F32 inverse, typename V::F32 offset) {
  return encodeElement(v, f.element, f.codeRounding,
                       codeDomainValue(v, f, x, inverse, offset));
}

} // namespace quern::numerics

#endif // QUERN_NUMERICS_ENCODE_H
