// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What this machine can do at best: reads, byte dot products, FMA.

#include "MachinePeaks.h"

#include "quern/Base/CpuFeatures.h"
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <cstring>
#include <immintrin.h>
#include <sys/mman.h>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

constexpr size_t kReadBytes = 512u << 20;
constexpr int64_t kSteps = 4096;
/// Independent chains: latency 4 to 5 by 2 a cycle, and some.
constexpr int kChains512 = 16, kChains256 = 12;

__attribute__((target("avx2"))) int64_t sumOf(const uint8_t *bytes,
                                              size_t size) {
  __m256i sums[4] = {};
  for (size_t i = 0; i < size; i += 128)
    for (int c = 0; c < 4; ++c) {
      auto *at = reinterpret_cast<const __m256i *>(bytes + i + 32 * c);
      sums[c] = _mm256_add_epi64(sums[c], _mm256_loadu_si256(at));
    }
  __m256i sum = _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]),
                                 _mm256_add_epi64(sums[2], sums[3]));
  return _mm256_extract_epi64(sum, 0);
}

__attribute__((target("avx512f,avx512vnni"))) void dot512() {
  __m512i sums[kChains512] = {};
  __m512i a = _mm512_set1_epi32(0x01020304), w = a;
  for (int64_t i = 0; i < kSteps; ++i)
    for (__m512i &sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, w);
      __asm__ volatile("" : "+v"(sum));
    }
}

__attribute__((target("avx512f"))) void multiplyAdd512() {
  __m512 sums[kChains512] = {};
  __m512 a = _mm512_set1_ps(1.0f), w = a;
  for (int64_t i = 0; i < kSteps; ++i)
    for (__m512 &sum : sums) {
      sum = _mm512_fmadd_ps(a, w, sum);
      __asm__ volatile("" : "+v"(sum));
    }
}

__attribute__((target("avx2"))) void dot256() {
  __m256i sums[kChains256] = {};
  __m256i a = _mm256_set1_epi32(0x01020304), w = a;
  __m256i ones = _mm256_set1_epi16(1);
  for (int64_t i = 0; i < kSteps; ++i)
    for (__m256i &sum : sums) {
      __asm__ volatile("" : "+x"(a));
      __m256i pairs = _mm256_maddubs_epi16(w, a);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
      __asm__ volatile("" : "+x"(sum));
    }
}

__attribute__((target("avx2,fma"))) void multiplyAdd256() {
  __m256 sums[kChains256] = {};
  __m256 a = _mm256_set1_ps(1.0f), w = a;
  for (int64_t i = 0; i < kSteps; ++i)
    for (__m256 &sum : sums) {
      sum = _mm256_fmadd_ps(a, w, sum);
      __asm__ volatile("" : "+x"(sum));
    }
}

void readMemory(benchmark::State &state) {
  auto *memory =
      static_cast<uint8_t *>(std::aligned_alloc(2u << 20, kReadBytes));
  madvise(memory, kReadBytes, MADV_HUGEPAGE);
  std::memset(memory, 1, kReadBytes);
  for (auto _ : state)
    benchmark::DoNotOptimize(sumOf(memory, kReadBytes));
  std::free(memory);
  state.counters["GB/s"] = benchmark::Counter(
      1e-9 * double(kReadBytes), benchmark::Counter::kIsIterationInvariantRate);
}

/// `operations` a step.
void registerPeak(const char *name, void (*run)(), double operations) {
  benchmark::RegisterBenchmark(name, [=](benchmark::State &state) {
    for (auto _ : state)
      run();
    state.counters["GOP/s"] =
        benchmark::Counter(1e-9 * operations * double(kSteps),
                           benchmark::Counter::kIsIterationInvariantRate);
  });
}

} // namespace

void test::registerPeaks() {
  CpuFeatures found = detectCpuFeatures();
  if (found.x86_64_v3) {
    benchmark::RegisterBenchmark("peak/read", readMemory)
        ->Unit(benchmark::kMicrosecond);
    registerPeak("peak/avx2/int8", dot256, kChains256 * 64.0);
    registerPeak("peak/avx2/f32", multiplyAdd256, kChains256 * 16.0);
  }
  if (found.avx512vnni) {
    registerPeak("peak/avx512/int8", dot512, kChains512 * 128.0);
    registerPeak("peak/avx512/f32", multiplyAdd512, kChains512 * 32.0);
  }
}
