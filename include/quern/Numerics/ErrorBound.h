// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Bounds for tests and reports, derived from the format.
//
// Notation: u = 2^-24, the unit roundoff of binary32; A = the largest magnitude
// in an outermost block; D = |divisor| of the scale rule; h = half the largest
// gap between neighbouring element values.
//
// One level, scale s = statistic / D <= A / D exactly, s' as stored, with
// |s' - s| <= d. A code is chosen for y = x / s'. If y lies between element
// values, the error is at most s' h <= (s + d) h. If it lies beyond the last
// one, at e, it is |x| - s' e <= s D - s' e <= s max(0, D - e) + d D, and at
// most half of a gap on top. Together
//
//   error <= (s + d) h + s max(0, D - e) + d D.
//
// Codes chosen with the exact scale obey the same bound, since then
// |x - s' c| <= s |y - c| + |s - s'| |c|. An offset o, stored with an error of
// at most t, shifts the values, which can put a value that far beyond the last
// code: + t (for a zero point, in codes: + s' t). d and t are bounds of the
// same kind, for the matrix of scales or offsets, whose magnitudes are at most
// A / D and A.
//
// Every operation rounds: an encoded and decoded value passes through at most 8
// roundings a level, each of at most u relative to a magnitude of at most
// (A / D) (D + |e|): the bound carries them as `8 u` a level.

#ifndef QUERN_NUMERICS_ERRORBOUND_H
#define QUERN_NUMERICS_ERRORBOUND_H

#include "quern/Base/Span.h"
#include "quern/Numerics/Format.h"

namespace quern::numerics {

/// |x - decode(encode(x))| <= relative * A + absolute, where A is the largest
/// |x| of the outermost block, or |x| itself in an unscaled format. `absolute`
/// covers what is smaller than the least positive value of a scale's type.
struct ErrorBound {
  double relative = 0;
  double absolute = 0;
  double at(double magnitude) const { return relative * magnitude + absolute; }
};

/// The bound of Solver::Plain. Preconditions: A is below the largest value that
/// the scale's type can give, and the quotients do not leave the normal range
/// of binary32.
ErrorBound encodeErrorBound(const Format &format);

/// u terms / (1 - u terms): the relative error, against the sum of the terms'
/// magnitudes, of a sum of `terms` products in binary32 in any order, with or
/// without fused multiply-add (Higham, Accuracy and Stability of Numerical
/// Algorithms, section 3.1).
double sumErrorFactor(int64_t terms);

/// Bound of |computed - exact| of the dot product of x and w (as decoded) in
/// binary32, in any order.
double dotErrorBound(Span<const float> x, Span<const float> w);

/// The same where x is first coded in `activation`, a row [1, K] whose blocks
/// divide K: the error of each code, times |w|, on top. Sums of integer codes
/// are exact. What is left is one rounding for each of the products with the
/// scales and for each block's sum: the K-term bound covers them.
double quantizedDotErrorBound(const Format &activation, Span<const float> x,
                              Span<const float> w);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_ERRORBOUND_H
