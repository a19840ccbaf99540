// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Sixteen numbers at a time: the value class (Values.h) of bulk encoding.
//
// The same bits as ScalarValues, lane by lane, on every CPU: there are always
// sixteen lanes, and no operation fuses. Written with Clang's vectors, since
// compilers do not turn the scalar code into vector code by themselves: it
// branches on the format.
//
// Only LaneKernels.cpp includes this. It is compiled once an instruction set,
// with QUERN_LANES the name of the set, which keeps the copies apart.

#ifndef QUERN_LIB_NUMERICS_LANEVALUES_H
#define QUERN_LIB_NUMERICS_LANEVALUES_H

#include "quern/Numerics/Format.h"
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace quern::numerics::QUERN_LANES {

struct LaneValues {
  static constexpr int lanes = 16;
  using F32 = float __attribute__((ext_vector_type(16)));
  using I32 = int32_t __attribute__((ext_vector_type(16)));
  using U32 = uint32_t __attribute__((ext_vector_type(16)));
  using Bool = I32; ///< all bits of a lane set, or none

  static F32 load(const float *x) {
    F32 result;
    std::memcpy(&result, x, sizeof result);
    return result;
  }
  static I32 load(const int32_t *x) {
    I32 result;
    std::memcpy(&result, x, sizeof result);
    return result;
  }
  static void store(F32 a, float *x) { std::memcpy(x, &a, sizeof a); }
  static void store(I32 a, int32_t *x) { std::memcpy(x, &a, sizeof a); }

  I32 constI32(int32_t x) { return I32(x); }
  F32 constF32(float x) { return F32(x); }

  // Unsigned, so that overflow wraps.
  I32 addI(I32 a, I32 b) { return asI(asU(a) + asU(b)); }
  I32 subI(I32 a, I32 b) { return asI(asU(a) - asU(b)); }
  I32 mulI(I32 a, I32 b) { return asI(asU(a) * asU(b)); }
  I32 andI(I32 a, I32 b) { return a & b; }
  I32 orI(I32 a, I32 b) { return a | b; }
  I32 xorI(I32 a, I32 b) { return a ^ b; }
  I32 shiftLeft(I32 a, unsigned n) { return asI(asU(a) << n); }
  I32 shiftRightLogical(I32 a, unsigned n) { return asI(asU(a) >> n); }
  I32 shiftRightArithmetic(I32 a, unsigned n) { return a >> int32_t(n); }
  I32 minI(I32 a, I32 b) { return a < b ? a : b; }
  I32 maxI(I32 a, I32 b) { return a > b ? a : b; }

  F32 addF(F32 a, F32 b) { return a + b; }
  F32 subF(F32 a, F32 b) { return a - b; }
  F32 mulF(F32 a, F32 b) { return a * b; }
  F32 divF(F32 a, F32 b) { return a / b; }
  F32 absF(F32 a) { return bitcastF(bitcastI(a) & 0x7FFFFFFF); }
  F32 floorF(F32 a) {
    // From 2^23 on there are only integers; below, adding that much and taking
    // it away again rounds to one, maybe to the one above.
    constexpr float limit = 8388608.0f;
    F32 size = absF(a);
    F32 nearest = (size + limit) - limit;
    nearest = bitcastF(bitcastI(nearest) | (bitcastI(a) & INT32_MIN));
    F32 below = nearest > a ? nearest - 1.0f : nearest;
    return size < F32(limit) ? below : a;
  }
  F32 minF(F32 a, F32 b) { return a < b ? a : b; }
  F32 maxF(F32 a, F32 b) { return a > b ? a : b; }

  Bool lessI(I32 a, I32 b) { return a < b; }
  Bool equalI(I32 a, I32 b) { return a == b; }
  Bool lessF(F32 a, F32 b) { return a < b; }
  Bool equalF(F32 a, F32 b) { return a == b; }
  I32 selectI(Bool c, I32 a, I32 b) { return c ? a : b; }
  F32 selectF(Bool c, F32 a, F32 b) { return c ? a : b; }

  F32 bitcastF(I32 a) { return __builtin_bit_cast(F32, a); }
  I32 bitcastI(F32 a) { return __builtin_bit_cast(I32, a); }
  F32 toF32(I32 a) { return __builtin_convertvector(a, F32); }
  I32 roundToI32(F32 a) {
    return subI(bitcastI(a + 12582912.0f), constI32(0x4B400000));
  }
  std::optional<F32> decodeNatively(const FloatType &, I32) {
    return std::nullopt;
  }
  F32 lookup(const std::vector<float> &table, I32 code) {
#if __has_builtin(__builtin_masked_gather)
    using Mask = bool __attribute__((ext_vector_type(16)));
    return __builtin_masked_gather(Mask(true), code, table.data());
#else
    F32 result;
    for (int i = 0; i < lanes; ++i)
      result[i] = table[size_t(code[i])];
    return result;
#endif
  }

private:
  static U32 asU(I32 a) { return __builtin_bit_cast(U32, a); }
  static I32 asI(U32 a) { return __builtin_bit_cast(I32, a); }
};

} // namespace quern::numerics::QUERN_LANES

#endif // QUERN_LIB_NUMERICS_LANEVALUES_H
