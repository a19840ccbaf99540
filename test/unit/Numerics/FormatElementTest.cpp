// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Every code of every element type.

#include "quern/Numerics/Encode.h"
#include "quern/Numerics/IntegerElement.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace quern;
using namespace quern::numerics;

static Element element(const std::string &text) {
  Result<Format> format = parseFormat(text, FormatRegistry::builtin());
  EXPECT_TRUE(format) << text << ": " << format.status().message();
  return format->element;
}

static bool hasSameBits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, 4) == 0;
}

/// The code with its element's extension to 32 bits.
static int32_t extend(const Element &e, uint32_t code) {
  if (e.kind == ElementKind::Int && e.isSigned)
    return int32_t(code << (32 - e.bits)) >> (32 - e.bits);
  return int32_t(code);
}

static void expectCodesRoundTrip(const Element &e, const std::string &name) {
  ScalarValues v;
  for (uint32_t i = 0; i < 1u << e.bits; ++i) {
    int32_t code = extend(e, i);
    float value = decodeElement(v, e, code);
    int32_t again = encodeElement(v, e, CodeRounding::Even, value);
    EXPECT_TRUE(hasSameBits(decodeElement(v, e, again), value))
        << name << " code " << code << " is " << value << ", becomes " << again;
  }
}

TEST(Element, EveryCodeRoundTrips) {
  for (const std::string &name : floatTypeNames())
    if (lookupFloatType(name)->bits() <= 16)
      expectCodesRoundTrip(element(name), name);
  for (unsigned bits = 1; bits <= 16; ++bits)
    for (const char *sign : {"i", "u"}) {
      std::string name = sign + std::to_string(bits);
      expectCodesRoundTrip(element(name), name);
    }
  expectCodesRoundTrip(element("codebook @nf4"), "nf4");
  expectCodesRoundTrip(element("codebook @iq4nl"), "iq4nl");
}

TEST(Element, F32IsTheIdentity) {
  ScalarValues v;
  Element e = element("f32");
  for (uint32_t i = 0; i < 1u << 16; ++i) {
    int32_t code = int32_t(i * 65537u);
    float value;
    std::memcpy(&value, &code, 4);
    EXPECT_TRUE(hasSameBits(decodeElement(v, e, code), value));
    if (!std::isnan(value)) {
      EXPECT_EQ(encodeElement(v, e, CodeRounding::Even, value), code);
    }
  }
}

/// The value of a code by the textbook, in binary64. Written apart from
/// Decode.h: fields, then powers.
static double textbookValue(const std::string &name, unsigned code) {
  struct Spec {
    const char *name;
    int exponent, mantissa, bias;
    bool hasInfinity, lastIsNan, zeroIsNan;
  };
  static const Spec specs[] = {{"f8E4M3FN", 4, 3, 7, false, true, false},
                               {"f8E5M2", 5, 2, 15, true, false, false},
                               {"f8E4M3FNUZ", 4, 3, 8, false, false, true},
                               {"f8E5M2FNUZ", 5, 2, 16, false, false, true},
                               {"f6E2M3FN", 2, 3, 1, false, false, false},
                               {"f6E3M2FN", 3, 2, 3, false, false, false},
                               {"f4E2M1FN", 2, 1, 1, false, false, false},
                               {"f16", 5, 10, 15, true, false, false},
                               {"bf16", 8, 7, 127, true, false, false}};
  for (const Spec &s : specs) {
    if (name != s.name)
      continue;
    int m = int(code % (1u << s.mantissa));
    int e = int(code >> s.mantissa) % (1 << s.exponent);
    bool isNegative = code >> (s.mantissa + s.exponent);
    bool isLastExponent = e == (1 << s.exponent) - 1;
    if (s.hasInfinity && isLastExponent)
      return m ? NAN : isNegative ? -INFINITY : INFINITY;
    if (s.lastIsNan && isLastExponent && m == (1 << s.mantissa) - 1)
      return NAN;
    if (s.zeroIsNan && isNegative && m == 0 && e == 0)
      return NAN;
    double fraction = m / std::pow(2.0, s.mantissa);
    double size = e == 0 ? fraction * std::pow(2.0, 1 - s.bias)
                         : (1 + fraction) * std::pow(2.0, e - s.bias);
    return isNegative ? -size : size;
  }
  ADD_FAILURE() << "no textbook entry for " << name;
  return 0;
}

TEST(Element, FloatsDecodeByTheTextbook) {
  ScalarValues v;
  for (const char *name : {"f8E4M3FN", "f8E5M2", "f8E4M3FNUZ", "f8E5M2FNUZ",
                           "f6E2M3FN", "f6E3M2FN", "f4E2M1FN", "f16", "bf16"}) {
    Element e = element(name);
    for (unsigned code = 0; code < 1u << e.bits; ++code)
      EXPECT_TRUE(hasSameBits(decodeElement(v, e, int32_t(code)),
                              float(textbookValue(name, code))))
          << name << " code " << code;
  }
  Element e8m0 = element("f8E8M0FNU");
  for (int code = 0; code < 255; ++code)
    EXPECT_EQ(decodeElement(v, e8m0, code), std::ldexp(1.0f, code - 127));
  EXPECT_TRUE(std::isnan(decodeElement(v, e8m0, 255)));
}

TEST(Element, PublishedConstants) {
  EXPECT_EQ(largestValue(element("f8E4M3FN")), 448);
  EXPECT_EQ(largestValue(element("f8E5M2")), 57344);
  EXPECT_EQ(largestValue(element("f6E2M3FN")), 7.5);
  EXPECT_EQ(largestValue(element("f6E3M2FN")), 28);
  EXPECT_EQ(largestValue(element("f4E2M1FN")), 6);
  EXPECT_EQ(largestValue(element("f16")), 65504);
  EXPECT_EQ(lowestValue(element("f4E2M1FN")), -6);
  EXPECT_EQ(lowestValue(element("f8E8M0FNU")), std::ldexp(1.0f, -127));
  EXPECT_EQ(lowestValue(element("i4")), -8);
  EXPECT_EQ(largestValue(element("u4")), 15);
}

TEST(Element, FloatsSaturateAndKeepInfinity) {
  ScalarValues v;
  auto through = [&](const char *name, float x) {
    Element e = element(name);
    return decodeElement(v, e, encodeElement(v, e, CodeRounding::Even, x));
  };
  EXPECT_EQ(through("f16", 1e6f), 65504);
  EXPECT_EQ(through("f16", -1e6f), -65504);
  EXPECT_EQ(through("f16", INFINITY), INFINITY);
  EXPECT_EQ(through("f8E5M2", -INFINITY), -INFINITY);
  EXPECT_EQ(through("f8E4M3FN", INFINITY), 448);
  EXPECT_EQ(through("f4E2M1FN", -INFINITY), -6);
  EXPECT_TRUE(std::isnan(through("f8E4M3FN", NAN)));
  EXPECT_EQ(through("f4E2M1FN", NAN), 6);
  EXPECT_EQ(through("f8E8M0FNU", -3), std::ldexp(1.0f, -127));
  EXPECT_EQ(through("f8E8M0FNU", 1e38f), std::ldexp(1.0f, 126));
  // FNUZ types have no negative zero: its code is NaN.
  EXPECT_FALSE(std::signbit(through("f8E4M3FNUZ", -1e-9f)));
}

TEST(Element, TiesOfIntegers) {
  ScalarValues v;
  Element e = element("i4");
  float ties[] = {-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f};
  int even[] = {-2, -2, 0, 0, 2, 2}, away[] = {-3, -2, -1, 1, 2, 3},
      up[] = {-2, -1, 0, 1, 2, 3};
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(encodeElement(v, e, CodeRounding::Even, ties[i]), even[i]);
    EXPECT_EQ(encodeElement(v, e, CodeRounding::Away, ties[i]), away[i]);
    EXPECT_EQ(encodeElement(v, e, CodeRounding::Up, ties[i]), up[i]);
  }
  for (CodeRounding r :
       {CodeRounding::Even, CodeRounding::Away, CodeRounding::Up}) {
    EXPECT_EQ(encodeElement(v, e, r, 1e30f), 7);
    EXPECT_EQ(encodeElement(v, e, r, -INFINITY), -8);
    EXPECT_EQ(encodeElement(v, e, r, NAN), -8);
  }
}

TEST(Element, TiesOfCodebooksGoToTheLowerIndex) {
  ScalarValues v;
  Element e = element("codebook [3, -1, 1, 5]");
  EXPECT_EQ(encodeElement(v, e, CodeRounding::Even, 0.0f), 1);
  EXPECT_EQ(encodeElement(v, e, CodeRounding::Even, 2.0f), 0);
  EXPECT_EQ(encodeElement(v, e, CodeRounding::Even, 4.0f), 0);
  EXPECT_EQ(encodeElement(v, e, CodeRounding::Even, 4.5f), 3);
}

TEST(Element, WhatAnIntegerProductCanRead) {
  EXPECT_EQ(integerShift(element("u4")), 0);
  EXPECT_EQ(integerShift(element("i8")), 0);
  EXPECT_EQ(integerShift(element("i9")), std::nullopt);
  EXPECT_EQ(integerShift(element("codebook @iq4nl")), 0);
  EXPECT_EQ(integerShift(element("f4E2M1FN")), 1); // halves
  EXPECT_EQ(integerShift(element("f6E2M3FN")), 3);
  EXPECT_EQ(integerShift(element("f6E3M2FN")), std::nullopt); // 28 / 16
  EXPECT_EQ(integerShift(element("codebook @nf4")), std::nullopt);
  EXPECT_EQ(integerShift(element("f8E4M3FN")), std::nullopt);
}

/// Of an element that takes two bytes.
static void expectWide(const std::string &text, int shift, int bias,
                       bool isExact) {
  SCOPED_TRACE(text);
  std::optional<IntegerElement> integer = integerElement(element(text));
  ASSERT_TRUE(integer);
  EXPECT_EQ(integer->planes(), 2);
  EXPECT_EQ(integer->shift, shift);
  EXPECT_EQ(integer->bias, bias);
  EXPECT_EQ(integer->isExact, isExact);
}

TEST(Element, IntegersOfTwoBytes) {
  EXPECT_EQ(integerElement(element("f4E2M1FN"))->planes(), 1);
  expectWide("f6E3M2FN", 10, 32768, true);       // 28 * 1024, 1 / 16 * 1024
  expectWide("f8E4M3FN", 6, 32768, false);       // 448 * 64
  expectWide("f8E5M2", -1, 32768, false);        // 57344 / 2
  expectWide("codebook @nf4", 14, 32768, false); // 1 is 16384; -1, too
  expectWide("u8 * 3", 6, 0, true);              // 765 * 64
  expectWide("codebook [-0.25, 0, 0.3, 1]", 15, 8192, false);
  EXPECT_FALSE(integerElement(element("i9")));
  EXPECT_FALSE(integerElement(element("f16")));
  EXPECT_FALSE(integerElement(element("codebook [0.1, 1] signs")));
  EXPECT_FALSE(integerElement(element("codebook [[0.1, 1], [1.7, 2]]")));
}

/// All values of 8 bits and fewer are within half a unit, which is below 2^-15
/// of the largest magnitude; of NaN and infinity the integer is 0.
TEST(Element, IntegersOfTwoBytesAreNear) {
  ScalarValues v;
  for (const char *text :
       {"f6E3M2FN", "f8E4M3FN", "f8E4M3FNUZ", "f8E5M2", "f8E5M2FNUZ",
        "codebook @nf4", "codebook @dynamic8", "codebook [-0.25, 0, 0.3, 1]"}) {
    SCOPED_TRACE(text);
    Element e = element(text);
    IntegerElement integer = *integerElement(e);
    double unit = std::ldexp(1.0, -integer.shift);
    double largest = std::max(largestValue(e), -lowestValue(e));
    EXPECT_LE(integer.error() * unit, std::ldexp(largest, -15));
    ASSERT_EQ(integer.values.size(), size_t(1) << e.bits);
    for (int32_t code = 0; code < (1 << e.bits); ++code) {
      double value = decodeElement(v, e, code);
      if (!std::isfinite(value))
        value = 0;
      int found = integer.values[code];
      EXPECT_LE(std::fabs(found * unit - value), integer.error() * unit);
      EXPECT_LE(std::abs(found), integer.magnitude());
      EXPECT_GE(found + integer.bias, 0);
      EXPECT_LT(found + integer.bias, 1 << integer.bits);
    }
  }
}

TEST(Format, ThatAllowsIntegerProducts) {
  auto allows = [](const char *text) {
    return allowsIntegerProducts(
        *FormatRegistry::builtin().resolve(std::string(text)));
  };
  EXPECT_TRUE(allows("q4_0"));
  EXPECT_TRUE(allows("nf4"));
  EXPECT_TRUE(allows("fp8_block"));
  EXPECT_TRUE(allows("f6E3M2FN"));  // exact
  EXPECT_FALSE(allows("f8E4M3FN")); // nothing says how large weights are
  EXPECT_FALSE(allows("bf16"));
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

static float storedScale(const char *type, ScaleRounding rounding,
                         double threshold, float x) {
  ScalarValues v;
  Element e = element(type);
  ScaleRule rule;
  rule.rounding = rounding;
  rule.threshold = threshold;
  return decodeElement(v, e, encodeScale(v, e, rule, CodeRounding::Even, x));
}

TEST(Scale, DirectedRoundingOfPowersOfTwo) {
  const char *type = "f8E8M0FNU";
  for (float power : {1.0f, 0x1p-100f, 0x1p90f, 0x1p-127f}) {
    EXPECT_EQ(storedScale(type, ScaleRounding::Down, 0, 1.99f * power), power);
    EXPECT_EQ(storedScale(type, ScaleRounding::Down, 0, power), power);
    EXPECT_EQ(storedScale(type, ScaleRounding::Up, 0, power), power);
    EXPECT_EQ(storedScale(type, ScaleRounding::Up, 0, 1.001f * power),
              2 * power);
    EXPECT_EQ(storedScale(type, ScaleRounding::UpFrom, 1.75, 1.74f * power),
              power);
    EXPECT_EQ(storedScale(type, ScaleRounding::UpFrom, 1.75, 1.75f * power),
              2 * power);
    EXPECT_EQ(storedScale(type, ScaleRounding::Nearest, 0, 1.49f * power),
              power);
    EXPECT_EQ(storedScale(type, ScaleRounding::Nearest, 0, 1.51f * power),
              2 * power);
  }
  EXPECT_EQ(storedScale(type, ScaleRounding::Down, 0, 0), 0x1p-127f);
  EXPECT_EQ(storedScale(type, ScaleRounding::Up, 0, 0), 0x1p-127f);
  EXPECT_EQ(storedScale(type, ScaleRounding::Up, 0, 3e38f), 0x1p127f);
}

TEST(Scale, DirectedRoundingBracketsTheValue) {
  ScalarValues v;
  for (const char *type : {"f8E4M3FN", "f16", "bf16", "f8E5M2", "u6", "i8"}) {
    Element e = element(type);
    float largest = largestValue(e);
    for (int i = 0; i < 5000; ++i) {
      float x = largest * (float(i) / 5001);
      float down = storedScale(type, ScaleRounding::Down, 0, x);
      float up = storedScale(type, ScaleRounding::Up, 0, x);
      EXPECT_LE(down, x) << type;
      EXPECT_GE(up, x) << type;
      // At most one step apart: nothing representable lies between.
      float middle = decodeElement(
          v, e, encodeElement(v, e, CodeRounding::Even, down / 2 + up / 2));
      EXPECT_TRUE(middle == down || middle == up) << type << " " << x;
    }
    if (lowestValue(e) < 0) {
      EXPECT_EQ(storedScale(type, ScaleRounding::Down, 0, -3.3f),
                -storedScale(type, ScaleRounding::Down, 0, 3.3f));
    }
  }
}
