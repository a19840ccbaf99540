// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file CPU features against what the compiler's runtime reports.

#include "quern/Base/CpuFeatures.h"
#include "gtest/gtest.h"

using namespace quern;

#if defined(__x86_64__)
TEST(CpuFeatures, AgreesWithTheCompilerRuntime) {
  __builtin_cpu_init();
  CpuFeatures f = detectCpuFeatures();
  EXPECT_EQ(f.sse2, bool(__builtin_cpu_supports("sse2")));
  EXPECT_EQ(f.x86_64_v3, bool(__builtin_cpu_supports("x86-64-v3")));
  EXPECT_EQ(f.x86_64_v4, bool(__builtin_cpu_supports("x86-64-v4")));
  EXPECT_EQ(f.avx512vnni, bool(__builtin_cpu_supports("avx512vnni")));
  EXPECT_EQ(f.avx512vbmi, bool(__builtin_cpu_supports("avx512vbmi")));
  EXPECT_EQ(f.avx512bf16, bool(__builtin_cpu_supports("avx512bf16")));
  EXPECT_EQ(f.avxvnni, bool(__builtin_cpu_supports("avxvnni")));
}
#endif

TEST(CpuFeatures, ExtensionsImplyTheirBase) {
  CpuFeatures f = detectCpuFeatures();
  EXPECT_TRUE(!f.x86_64_v4 || f.x86_64_v3);
  EXPECT_TRUE(!f.avx512vnni || f.x86_64_v4);
  EXPECT_TRUE(!f.amxInt8 || f.amxTile);
  EXPECT_FALSE(f.x86_64_v3 && f.armDotprod);
}
