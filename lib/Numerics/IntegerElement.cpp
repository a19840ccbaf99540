// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Elements as the integers that dot products of bytes read.

#include "quern/Numerics/IntegerElement.h"

#include "quern/Numerics/Decode.h"
#include "quern/Numerics/Encode.h"
#include <cmath>

using namespace quern;
using namespace quern::numerics;

/// Shifts beyond these make factors of 2^shift that are no normal numbers.
static constexpr int kMostShift = 100;
static constexpr int kLeastShift = -120;
/// Signed integers of 16 bits all have the bias of which the low byte is zero.
static constexpr int kWideBias = 1 << 15;
static constexpr int kMostUnsigned = (1 << 16) - 1;

/// Whether all values times 2^shift are integers in [-127, 127].
static bool isIntegerTable(const Element &e, int shift) {
  auto fits = [&](float value) {
    float scaled = value * powerOfTwo(shift);
    // The comparison is false for NaN.
    return std::fabs(scaled) <= 127 && scaled == std::floor(scaled);
  };
  if (e.kind == ElementKind::Codebook)
    return std::all_of(e.codebook.values.begin(), e.codebook.values.end(),
                       fits);
  ScalarValues v;
  int32_t low = e.kind == ElementKind::Int ? lowestCodeOf(e) : 0;
  for (int32_t code = low; code < low + int32_t(1u << e.bits); ++code)
    if (!fits(decodeElement(v, e, code)))
      return false;
  return true;
}

std::optional<int> numerics::integerShift(const Element &e) {
  if (e.isPlainInt())
    return e.bits <= 8 ? std::optional<int>(0) : std::nullopt;
  if (e.bits > 8 && e.kind != ElementKind::Codebook)
    return std::nullopt;
  for (int shift = 0; shift <= 7; ++shift)
    if (isIntegerTable(e, shift))
      return shift;
  return std::nullopt;
}

/// Values by code as stored.
static std::vector<float> valuesOf(const Element &e) {
  if (e.kind == ElementKind::Codebook)
    return e.codebook.values;
  ScalarValues v;
  std::vector<float> values;
  for (int32_t code = 0; code < (1 << e.bits); ++code)
    values.push_back(decodeElement(v, e, code));
  return values;
}

static int toInteger(float value, int shift) {
  return int(std::nearbyint(std::ldexp(double(value), shift)));
}

static std::optional<IntegerElement> narrowElement(const Element &element) {
  std::optional<int> shift = integerShift(element);
  if (!shift)
    return std::nullopt;
  IntegerElement result;
  result.shift = *shift;
  if (element.isPlainInt()) {
    result.bits = element.bits;
    result.bias = element.isSigned ? 1 << (element.bits - 1) : 0;
    return result;
  }
  for (float value : valuesOf(element))
    result.values.push_back(toInteger(value, *shift));
  int least = toInteger(lowestValue(element), *shift);
  int most = toInteger(largestValue(element), *shift);
  result.bias = std::max(0, -least);
  while ((1 << result.bits) <= most + result.bias)
    ++result.bits;
  return result;
}

/// The largest shift with which [least, most], and 0, fit 16 bits.
static int wideShift(double least, double most) {
  auto fits = [&](int shift) {
    double low = std::nearbyint(std::ldexp(std::min(least, 0.0), shift));
    double high = std::nearbyint(std::ldexp(std::max(most, 0.0), shift));
    return high - low <= kMostUnsigned;
  };
  int shift = kMostShift;
  while (shift > kLeastShift && !fits(shift))
    --shift;
  return shift;
}

static std::optional<IntegerElement> wideElement(const Element &element) {
  if (element.bits > 8 || element.isComposite() || element.isSigned)
    return std::nullopt;
  IntegerElement result;
  float lowest = lowestValue(element), largest = largestValue(element);
  result.bits = 16;
  result.shift = wideShift(lowest, largest);
  int least = toInteger(lowest, result.shift);
  int most = toInteger(largest, result.shift);
  bool isSigned = least >= -kWideBias && most < kWideBias;
  result.bias = isSigned ? kWideBias : std::max(0, -least);
  for (float value : valuesOf(element)) {
    float finite = value >= lowest && value <= largest ? value : 0;
    result.values.push_back(toInteger(finite, result.shift));
    result.isExact &= std::ldexp(double(result.values.back()), -result.shift) ==
                      double(finite);
  }
  return result;
}

std::optional<IntegerElement> numerics::integerElement(const Element &element) {
  if (auto narrow = narrowElement(element))
    return narrow;
  return wideElement(element);
}

bool numerics::allowsIntegerProducts(const Format &weight) {
  std::optional<IntegerElement> integer = integerElement(weight.element);
  return integer && (integer->isExact || weight.isScaled());
}
