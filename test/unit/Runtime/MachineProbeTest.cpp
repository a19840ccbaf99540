// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The machine probe: rates of any machine of this century, and refusals.

#include "quern/Runtime/MachineProbe.h"

#include "gtest/gtest.h"

namespace {

constexpr size_t kBytes = size_t(64) << 20;

TEST(MachineProbeTest, RatesArePossible) {
  for (uint32_t threads : {1, 2}) {
    double read = quern_probe_read_bandwidth(threads, kBytes);
    EXPECT_GT(read, 1e8);
    EXPECT_LT(read, 1e13);
    double int8 = quern_probe_int8_dot(threads);
    EXPECT_GT(int8, 1e9);
    EXPECT_LT(int8, 1e14);
    double bf16 = quern_probe_bf16_dot(threads);
    EXPECT_GT(bf16, 1e9);
    EXPECT_LT(bf16, 1e14);
    double f32 = quern_probe_f32_fma(threads);
    EXPECT_GT(f32, 1e9);
    EXPECT_LT(f32, 1e13);
  }
}

TEST(MachineProbeTest, RefusalsAreZero) {
  EXPECT_EQ(quern_probe_read_bandwidth(0, kBytes), 0);
  EXPECT_EQ(quern_probe_read_bandwidth(1, 100), 0);
  EXPECT_EQ(quern_probe_read_bandwidth(2, size_t(1) << 60), 0);
  EXPECT_EQ(quern_probe_int8_dot(0), 0);
  EXPECT_EQ(quern_probe_bf16_dot(0), 0);
  EXPECT_EQ(quern_probe_f32_fma(2000), 0);
}

} // namespace
