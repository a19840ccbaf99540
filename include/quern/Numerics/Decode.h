// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From codes to values: the one definition of decoding.
//
// Every function is a template over a value class V (Values.h). Nothing here
// branches on a value, so that V may be a vector register of a kernel; what is
// branched on (the format) is known when the kernel is generated.

#ifndef QUERN_NUMERICS_DECODE_H
#define QUERN_NUMERICS_DECODE_H

#include "quern/Numerics/Format.h"
#include "quern/Numerics/Values.h"
#include <limits>
#include <optional>

namespace quern::numerics {

//===----------------------------------------------------------------------===//
// Facts about a float type
//===----------------------------------------------------------------------===//

inline int32_t signMaskOf(const FloatType &t) {
  return t.hasSign ? int32_t(1u << (t.bits() - 1)) : 0;
}
/// 2^exponent, down to the subnormal 2^-149.
inline float powerOfTwo(int exponent) {
  ScalarValues v;
  return exponent >= -126 ? v.bitcastF((exponent + 127) * (1 << 23))
                          : v.bitcastF(1 << (exponent + 149));
}
/// All exponent and mantissa bits.
inline int32_t magnitudeMaskOf(const FloatType &t) {
  return int32_t((1u << (t.exponentBits + t.mantissaBits)) - 1);
}
/// The exponent bits alone: infinity in an Ieee type.
inline int32_t exponentMaskOf(const FloatType &t) {
  return int32_t(((1u << t.exponentBits) - 1) << t.mantissaBits);
}
/// f32 and bf16, whose codes are the top bits of a binary32.
inline bool isTopOfF32(const FloatType &t) {
  return t.hasSign && t.exponentBits == 8 && t.bias == 127 &&
         t.special == FloatType::Special::Ieee;
}
/// Types without a mantissa hold powers of two only: every exponent is a normal
/// one, and there is no zero.
inline bool isPowerOfTwoOnly(const FloatType &t) { return t.mantissaBits == 0; }
/// Code of the largest finite value.
inline int32_t maxFiniteCodeOf(const FloatType &t) {
  switch (t.special) {
  case FloatType::Special::Ieee:
    return exponentMaskOf(t) - 1;
  case FloatType::Special::NanOnly:
    return magnitudeMaskOf(t) - 1;
  case FloatType::Special::FiniteOnly:
  case FloatType::Special::NegZeroIsNan:
    break;
  }
  return magnitudeMaskOf(t);
}
/// Code of a quiet NaN; -1 if the type has none.
inline int32_t nanCodeOf(const FloatType &t) {
  switch (t.special) {
  case FloatType::Special::Ieee:
    return exponentMaskOf(t) | int32_t(1u << (t.mantissaBits - 1));
  case FloatType::Special::NanOnly:
    return magnitudeMaskOf(t);
  case FloatType::Special::NegZeroIsNan:
    return signMaskOf(t);
  case FloatType::Special::FiniteOnly:
    break;
  }
  return -1;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// The magnitude of a finite code with its sign bit cleared, by bit arithmetic:
/// a normal code needs its exponent moved from the type's bias to 127, a
/// subnormal one is an integer times a power of two. Both are exact.
template <class V>
typename V::F32 decodeMagnitude(V &v, const FloatType &t,
                                typename V::I32 magnitude) {
  int mantissa = int(t.mantissaBits);
  auto normal =
      v.bitcastF(v.addI(v.shiftLeft(magnitude, unsigned(23 - mantissa)),
                        v.constI32(int32_t(uint32_t(127 - t.bias) << 23))));
  // Powers of two have one code below the normal range of binary32: 2^-bias.
  auto subnormal = isPowerOfTwoOnly(t)
                       ? v.constF32(powerOfTwo(-t.bias))
                       : v.mulF(v.toF32(magnitude),
                                v.constF32(powerOfTwo(1 - t.bias - mantissa)));
  auto isSubnormal = v.lessI(magnitude, v.constI32(int32_t(1u << mantissa)));
  return v.selectF(isSubnormal, subnormal, normal);
}

/// Bit arithmetic, unless V has an instruction that does the same.
template <class V>
typename V::F32 decodeFloat(V &v, const FloatType &t, typename V::I32 code) {
  if (isTopOfF32(t))
    return v.bitcastF(v.shiftLeft(code, 32 - t.bits()));
  if (auto native = v.decodeNatively(t, code))
    return *native;
  auto nan = v.constF32(std::numeric_limits<float>::quiet_NaN());
  auto magnitude = v.andI(code, v.constI32(magnitudeMaskOf(t)));
  auto value = decodeMagnitude(v, t, magnitude);
  if (t.special == FloatType::Special::Ieee) {
    auto special = v.bitcastF(v.orI(v.shiftLeft(magnitude, 23 - t.mantissaBits),
                                    v.constI32(0x7F800000)));
    value = v.selectF(v.lessI(magnitude, v.constI32(exponentMaskOf(t))), value,
                      special);
  }
  if (t.special == FloatType::Special::NanOnly)
    value = v.selectF(v.equalI(magnitude, v.constI32(magnitudeMaskOf(t))), nan,
                      value);
  if (!t.hasSign)
    return value;
  auto sign = v.andI(code, v.constI32(signMaskOf(t)));
  auto result =
      v.bitcastF(v.orI(v.bitcastI(value), v.shiftLeft(sign, 32 - t.bits())));
  if (t.special == FloatType::Special::NegZeroIsNan)
    result = v.selectF(v.equalI(code, v.constI32(signMaskOf(t))), nan, result);
  return result;
}

/// The number that `code` stands for; of a vector, entry `place`. Codes of
/// signed integers come sign-extended, all others zero-extended.
template <class V>
typename V::F32 decodeElement(V &v, const Element &e, typename V::I32 code,
                              unsigned place = 0) {
  switch (e.kind) {
  case ElementKind::Int:
    break;
  case ElementKind::Float:
    return decodeFloat(v, *e.floatType, code);
  case ElementKind::Codebook: {
    unsigned size = e.codebook.vectorSize;
    if (size == 1)
      return v.lookup(e.codebook.values, code);
    auto first = v.mulI(code, v.constI32(int32_t(size)));
    return v.lookup(e.codebook.values,
                    v.addI(first, v.constI32(int32_t(place % size))));
  }
  }
  auto value = v.toF32(code);
  if (e.multiplier != 1)
    value = v.mulF(value, v.constF32(e.multiplier));
  return e.addend == 0 ? value : v.addF(value, v.constF32(e.addend));
}

/// The sign bit, 0 or 1, of the element whose column is `place` modulo
/// kSignsOfEven, from a code of its plane "sign".
template <class V>
typename V::I32 decodeSign(V &v, SignPolicy policy, typename V::I32 sign,
                           unsigned place) {
  if (policy == SignPolicy::Each)
    return sign;
  unsigned index = place % kSignsOfEven;
  auto bits = sign;
  if (index == kSignsOfEven - 1) { // the parity of the others
    for (unsigned shift : {4, 2, 1})
      bits = v.xorI(bits, v.shiftRightLogical(bits, shift));
  } else if (index != 0) {
    bits = v.shiftRightLogical(bits, index);
  }
  return v.andI(bits, v.constI32(1));
}

/// `value`, negated where `bit` is 1.
template <class V>
typename V::F32 negateIf(V &v, typename V::I32 bit, typename V::F32 value) {
  return v.bitcastF(v.xorI(v.bitcastI(value), v.shiftLeft(bit, 31)));
}

/// After how many columns places repeat: in vectors and in codes of signs.
inline unsigned placePeriod(const Element &e) {
  unsigned signs = e.signs == SignPolicy::Even ? kSignsOfEven : 1;
  return e.vectorSize() > signs ? e.vectorSize() : signs;
}

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

/// The value of a decoded element under its decoded scale and offset (ignored
/// where the format has none).
template <class V>
typename V::F32 applyScale(V &v, const Format &f, typename V::F32 element,
                           typename V::F32 scale, typename V::F32 offset) {
  if (!f.isScaled())
    return element;
  auto scaled = [&](typename V::F32 x) {
    return f.dividesByScale ? v.divF(x, scale) : v.mulF(scale, x);
  };
  switch (f.offsetKind) {
  case OffsetKind::None:
    break;
  case OffsetKind::Min:
    return v.subF(scaled(element), offset);
  case OffsetKind::Add:
  case OffsetKind::Mean:
    return v.addF(scaled(element), offset);
  case OffsetKind::Zero:
    return scaled(v.subF(element, offset));
  }
  return scaled(element);
}

/// The path of a plane's child: "scale" of the root, "scale.scale", ….
inline std::string childPath(const std::string &path, const char *child) {
  return path.empty() ? child : path + "." + child;
}

/// The element of one code, sign included: of a column that is `place` modulo
/// placePeriod(element).
template <class V, class CodeOf>
typename V::F32 decodeSignedElement(V &v, const Element &e,
                                    const CodeOf &codeOf,
                                    const std::string &path, unsigned place) {
  auto value = decodeElement(v, e, codeOf(path.empty() ? "code" : path), place);
  if (e.signs == SignPolicy::None)
    return value;
  return negateIf(v, decodeSign(v, e.signs, codeOf("sign"), place), value);
}

/// The value of one element, given its code in every plane: `codeOf(path)` is
/// a V::I32 for each path of planesOf(format). The element's column is `place`
/// modulo placePeriod(element).
template <class V, class CodeOf>
typename V::F32 decodeValue(V &v, const Format &f, const CodeOf &codeOf,
                            const std::string &path = "", unsigned place = 0) {
  auto value = decodeSignedElement(v, f.element, codeOf, path, place);
  if (!f.isScaled())
    return value;
  auto scale = decodeValue(v, *f.scale, codeOf, childPath(path, "scale"));
  if (f.offsetKind == OffsetKind::None)
    return applyScale(v, f, value, scale, scale);
  auto offset = decodeValue(v, *f.offset, codeOf,
                            childPath(path, offsetKeyword(f.offsetKind)));
  return applyScale(v, f, value, scale, offset);
}

//===----------------------------------------------------------------------===//
// Range of an element
//===----------------------------------------------------------------------===//

/// The lowest finite value of an element.
float lowestValue(const Element &e);
/// The largest finite value of an element. Signs count.
float largestValue(const Element &e);

/// The least n from 0 to 7 for which every code's value times 2^n is an integer
/// in [-127, 127], or the element is itself an integer of at most 8 bits: what
/// an 8-bit dot product can read exactly. None for most floats and tables.
std::optional<int> integerShift(const Element &e);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_DECODE_H
