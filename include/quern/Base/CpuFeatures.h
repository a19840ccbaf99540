// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the CPU can do and the operating system lets it do.
//
// Header-only and free of the C++ library, so that the runtime can use it. On
// x86-64 a vector extension counts only if CPUID reports it and XCR0 says that
// the operating system saves its registers (Intel SDM volume 1, chapter 13). On
// AArch64 Linux says both in the auxiliary vector (its documentation,
// arch/arm64/elf_hwcaps).

#ifndef QUERN_BASE_CPUFEATURES_H
#define QUERN_BASE_CPUFEATURES_H

#include <stdint.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace quern {

struct CpuFeatures {
  bool sse2 = false;
  bool x86_64_v3 = false; ///< AVX2, FMA, F16C, BMI1/2, LZCNT, MOVBE
  bool x86_64_v4 = false; ///< v3 and AVX-512 F, BW, CD, DQ, VL
  bool avx512vnni = false;
  bool avx512vbmi = false;
  bool avx512bf16 = false;
  bool avx512fp16 = false;
  bool avxvnni = false; ///< VNNI in VEX encoding, 256 bits
  bool amxTile = false; ///< still needs mayUseTiles
  bool amxInt8 = false;
  bool amxBf16 = false;
  bool armDotprod = false; ///< sdot and udot
  bool armI8mm = false;    ///< usdot and matrix products of bytes
  bool armBf16 = false;    ///< bfdot and conversions
};

#if defined(__x86_64__)
namespace cpu_detail {
struct CpuidResult {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

/// Zeros if the CPU has no such leaf.
inline CpuidResult cpuid(unsigned leaf, unsigned subleaf) {
  CpuidResult r;
  if (!__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d))
    return CpuidResult();
  return r;
}

/// XCR0; zero if the operating system has not enabled XSAVE.
inline uint64_t enabledState(const CpuidResult &leaf1) {
  if (!(leaf1.c & (1u << 27))) // OSXSAVE
    return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

inline bool bit(unsigned word, unsigned index) { return word >> index & 1; }
} // namespace cpu_detail
#endif

/// Asks about the CPU that runs this; takes about a microsecond.
inline CpuFeatures detectCpuFeatures() {
  CpuFeatures f;
#if defined(__x86_64__)
  using cpu_detail::bit;
  cpu_detail::CpuidResult one = cpu_detail::cpuid(1, 0);
  cpu_detail::CpuidResult seven = cpu_detail::cpuid(7, 0);
  cpu_detail::CpuidResult sevenOne = cpu_detail::cpuid(7, 1);
  cpu_detail::CpuidResult extended = cpu_detail::cpuid(0x80000001, 0);
  uint64_t state = cpu_detail::enabledState(one);
  bool ymm = (state & 0x6) == 0x6;           // XMM, upper YMM
  bool zmm = ymm && (state & 0xe0) == 0xe0;  // masks, upper ZMM, ZMM16-31
  bool tiles = (state & 0x60000) == 0x60000; // TILECFG, TILEDATA

  f.sse2 = bit(one.d, 26);
  f.x86_64_v3 = ymm && bit(one.c, 28) /*avx*/ && bit(one.c, 12) /*fma*/ &&
                bit(one.c, 29) /*f16c*/ && bit(one.c, 22) /*movbe*/ &&
                bit(seven.b, 5) /*avx2*/ && bit(seven.b, 3) /*bmi1*/ &&
                bit(seven.b, 8) /*bmi2*/ && bit(extended.c, 5) /*lzcnt*/;
  f.x86_64_v4 = f.x86_64_v3 && zmm && bit(seven.b, 16) /*f*/ &&
                bit(seven.b, 17) /*dq*/ && bit(seven.b, 28) /*cd*/ &&
                bit(seven.b, 30) /*bw*/ && bit(seven.b, 31) /*vl*/;
  f.avx512vnni = f.x86_64_v4 && bit(seven.c, 11);
  f.avx512vbmi = f.x86_64_v4 && bit(seven.c, 1);
  f.avx512bf16 = f.x86_64_v4 && bit(sevenOne.a, 5);
  f.avx512fp16 = f.x86_64_v4 && bit(seven.d, 23);
  f.avxvnni = f.x86_64_v3 && bit(sevenOne.a, 4);
  f.amxTile = tiles && bit(seven.d, 24);
  f.amxInt8 = f.amxTile && bit(seven.d, 25);
  f.amxBf16 = f.amxTile && bit(seven.d, 22);
#elif defined(__aarch64__)
  unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
  f.armDotprod = first >> 20 & 1; // HWCAP_ASIMDDP
  f.armI8mm = second >> 13 & 1;   // HWCAP2_I8MM
  f.armBf16 = second >> 14 & 1;   // HWCAP2_BF16
#endif
  return f;
}

/// Asks Linux to let this process use tiles, which takes 8 KB of state a
/// thread; the answer stays the same. False as well if CPU or kernel have none.
inline bool mayUseTiles() {
#if defined(__x86_64__)
  constexpr long kRequestPermission = 0x1023; // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;              // XFEATURE_XTILE_DATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

} // namespace quern

#endif // QUERN_BASE_CPUFEATURES_H
