// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Elements as the integers that dot products of bytes read.

#ifndef QUERN_NUMERICS_INTEGERELEMENT_H
#define QUERN_NUMERICS_INTEGERELEMENT_H

#include "quern/Numerics/Format.h"
#include <algorithm>
#include <optional>

namespace quern::numerics {

/// Values as integers: value = integer * 2^-shift, exactly where 8 bits are
/// enough for that. Other values take 16 bits, which are two bytes to a dot
/// product, and the largest shift with which they fit: they are the nearest
/// integers, ties to even, so that a value is wrong by at most half a unit.
struct IntegerElement {
  /// By code as stored, a vector's one after another, without signs kept apart;
  /// empty: the code itself. What is no finite number counts as 0.
  std::vector<int> values;
  int bias = 0;      ///< value + bias is unsigned, below 2^bits
  unsigned bits = 0; ///< at most 16
  int shift = 0;
  bool isExact = true;

  /// Bytes that hold value + bias.
  int planes() const { return bits <= 8 ? 1 : 2; }
  unsigned planeBits() const { return std::min(bits, 8u); }
  /// No integer is larger, nor its negative.
  int64_t magnitude() const {
    return std::max<int64_t>(bias, (int64_t(1) << bits) - bias);
  }
  /// The largest difference of an integer from its value, in units of 1.
  double error() const { return isExact ? 0 : 0.5; }
};

/// The integers of `element`; none for elements of more than 8 bits, and for
/// vectors and values with signs apart that are no 8-bit integers.
std::optional<IntegerElement> integerElement(const Element &element);

/// Whether products with weights of `weight` may be products of integers. Half
/// a unit is small beside the largest value of an element. That says something
/// about weights only if a scale makes them fill the element's range.
bool allowsIntegerProducts(const Format &weight);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_INTEGERELEMENT_H
