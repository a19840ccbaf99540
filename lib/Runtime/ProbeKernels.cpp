// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The inner loops of the machine probe, one for each instruction set.
//
// Each function names its instruction set in an attribute, so that this file is
// compiled for any x86-64 and what runs is chosen by what the machine has.

#include "ProbeKernels.h"

#include "quern/Base/CpuFeatures.h"

#include <immintrin.h>

using namespace quern;
using namespace quern::runtime;

namespace {

// Chains of dependent operations that run side by side: latency (4 or 5 cycles)
// times two or three ports, and no more than the 16 registers of AVX2 hold
// beside the operands.
constexpr int kChains = 12;

// Keeps the compiler from knowing a vector's value, and from dropping it. A
// macro, since a function would need the instruction set of its caller.
#define QUERN_HIDE(VALUE) asm volatile("" : "+v"(VALUE))

// One round is STEP on each of kChains accumulators, `sum`, of type VECTOR.
#define QUERN_ARITHMETIC_KERNEL(NAME, TARGET, VECTOR, STEP)                    \
  __attribute__((target(TARGET))) void NAME(uint64_t rounds) {                 \
    VECTOR a = {}, b = {}, sums[kChains] = {};                                 \
    QUERN_HIDE(a);                                                             \
    QUERN_HIDE(b);                                                             \
    for (uint64_t round = 0; round < rounds; ++round) {                        \
      _Pragma("clang loop unroll(full)") for (VECTOR &sum : sums) {            \
        sum = STEP;                                                            \
        QUERN_HIDE(sum);                                                       \
      }                                                                        \
    }                                                                          \
  }

QUERN_ARITHMETIC_KERNEL(int8Avx512, "avx512f,avx512bw,avx512vnni", __m512i,
                        _mm512_dpbusd_epi32(sum, a, b))
QUERN_ARITHMETIC_KERNEL(int8AvxVnni, "avx2,avxvnni", __m256i,
                        _mm256_dpbusd_avx_epi32(sum, a, b))
QUERN_ARITHMETIC_KERNEL(
    int8Avx2, "avx2", __m256i,
    _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, sum), b)))
QUERN_ARITHMETIC_KERNEL(int8Sse2, "sse2", __m128i,
                        _mm_add_epi32(sum, _mm_madd_epi16(a, sum)))
QUERN_ARITHMETIC_KERNEL(bf16Avx512, "avx512f,avx512bf16", __m512,
                        _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b))
QUERN_ARITHMETIC_KERNEL(f32Avx512, "avx512f", __m512,
                        _mm512_fmadd_ps(a, b, sum))
QUERN_ARITHMETIC_KERNEL(f32Fma, "avx2,fma", __m256, _mm256_fmadd_ps(a, b, sum))
QUERN_ARITHMETIC_KERNEL(f32Sse2, "sse2", __m128,
                        _mm_add_ps(sum, _mm_mul_ps(a, b)))

// Eight loads in flight for each turn of the loop.
#define QUERN_READ_KERNEL(NAME, TARGET, VECTOR)                                \
  __attribute__((target(TARGET))) void NAME(const uint8_t *data,               \
                                            size_t bytes) {                    \
    const uint8_t *end = data + bytes;                                         \
    for (; data != end; data += 8 * sizeof(VECTOR))                            \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < 8; ++i) {         \
        VECTOR value = reinterpret_cast<const VECTOR *>(data)[i];              \
        QUERN_HIDE(value);                                                     \
      }                                                                        \
  }

QUERN_READ_KERNEL(readAvx512, "avx512f", __m512i)
QUERN_READ_KERNEL(readAvx2, "avx2", __m256i)
QUERN_READ_KERNEL(readSse2, "sse2", __m128i)

} // namespace

ArithmeticKernel quern::runtime::chooseInt8Kernel() {
  CpuFeatures features = detectCpuFeatures();
  if (features.avx512vnni)
    return {int8Avx512, kChains * 64 * 2.0};
  if (features.avxvnni)
    return {int8AvxVnni, kChains * 32 * 2.0};
  if (features.x86_64_v3)
    return {int8Avx2, kChains * 32 * 2.0};
  return {int8Sse2, kChains * 8 * 2.0};
}

ArithmeticKernel quern::runtime::chooseBf16Kernel() {
  if (detectCpuFeatures().avx512bf16)
    return {bf16Avx512, kChains * 32 * 2.0};
  return chooseF32Kernel();
}

ArithmeticKernel quern::runtime::chooseF32Kernel() {
  CpuFeatures features = detectCpuFeatures();
  if (features.x86_64_v4)
    return {f32Avx512, kChains * 16 * 2.0};
  if (features.x86_64_v3)
    return {f32Fma, kChains * 8 * 2.0};
  return {f32Sse2, kChains * 4 * 2.0};
}

ReadKernel quern::runtime::chooseReadKernel() {
  CpuFeatures features = detectCpuFeatures();
  if (features.x86_64_v4)
    return readAvx512;
  return features.x86_64_v3 ? readAvx2 : readSse2;
}
