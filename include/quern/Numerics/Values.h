// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The value type over which decode and encode are written once.
//
// Decode.h and Encode.h are templates over a class V with the members of
// ScalarValues below. With ScalarValues they compute on numbers: the
// reference. With codegen::VectorValues they build IR: the kernel. Both follow
// a new format without an edit.

#ifndef QUERN_NUMERICS_VALUES_H
#define QUERN_NUMERICS_VALUES_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace quern::numerics {

struct FloatType;

/// Numbers: one binary32 or 32-bit integer a value. Integer arithmetic wraps.
struct ScalarValues {
  using F32 = float;
  using I32 = int32_t;
  using Bool = bool;

  I32 constI32(int32_t x) { return x; }
  F32 constF32(float x) { return x; }

  I32 addI(I32 a, I32 b) { return int32_t(uint32_t(a) + uint32_t(b)); }
  I32 subI(I32 a, I32 b) { return int32_t(uint32_t(a) - uint32_t(b)); }
  I32 mulI(I32 a, I32 b) { return int32_t(uint32_t(a) * uint32_t(b)); }
  I32 andI(I32 a, I32 b) { return a & b; }
  I32 orI(I32 a, I32 b) { return a | b; }
  I32 xorI(I32 a, I32 b) { return a ^ b; }
  I32 shiftLeft(I32 a, unsigned n) { return int32_t(uint32_t(a) << n); }
  /// Zeros come in from the left.
  I32 shiftRightLogical(I32 a, unsigned n) { return int32_t(uint32_t(a) >> n); }
  /// Copies of the sign come in from the left.
  I32 shiftRightArithmetic(I32 a, unsigned n) { return a >> n; }
  I32 minI(I32 a, I32 b) { return a < b ? a : b; }
  I32 maxI(I32 a, I32 b) { return a > b ? a : b; }

  F32 addF(F32 a, F32 b) { return a + b; }
  F32 subF(F32 a, F32 b) { return a - b; }
  F32 mulF(F32 a, F32 b) { return a * b; }
  F32 divF(F32 a, F32 b) { return a / b; }
  F32 absF(F32 a) { return std::fabs(a); }
  F32 floorF(F32 a) { return std::floor(a); }
  /// As x86's minps: b where a is not less than b.
  F32 minF(F32 a, F32 b) { return a < b ? a : b; }
  F32 maxF(F32 a, F32 b) { return a > b ? a : b; }

  Bool lessI(I32 a, I32 b) { return a < b; } ///< signed
  Bool equalI(I32 a, I32 b) { return a == b; }
  Bool lessF(F32 a, F32 b) { return a < b; } ///< false if one is NaN
  Bool equalF(F32 a, F32 b) { return a == b; }
  I32 selectI(Bool c, I32 a, I32 b) { return c ? a : b; }
  F32 selectF(Bool c, F32 a, F32 b) { return c ? a : b; }

  F32 bitcastF(I32 a) {
    float x;
    std::memcpy(&x, &a, sizeof x);
    return x;
  }
  I32 bitcastI(F32 a) {
    int32_t x;
    std::memcpy(&x, &a, sizeof x);
    return x;
  }
  /// Exact below 2^24, else nearest even.
  F32 toF32(I32 a) { return float(a); }
  /// Nearest even; |a| must be at most 2^22.
  I32 roundToI32(F32 a) {
    // In [2^23, 2^24) the last place counts ones. Unlike lrintf, this becomes
    // vector code on any CPU.
    return subI(bitcastI(a + 12582912.0f), 0x4B400000);
  }
  /// The value of a code by an instruction that does the same as Decode.h, if
  /// there is one; decided by the type, never by the code.
  std::optional<F32> decodeNatively(const FloatType &, I32) {
    return std::nullopt;
  }
  /// table[code]; 0 <= code < table.size(), a power of two.
  F32 lookup(const std::vector<float> &table, I32 code) {
    return table[size_t(code)];
  }
};

} // namespace quern::numerics

#endif // QUERN_NUMERICS_VALUES_H
