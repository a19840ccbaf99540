// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Quotas of made-up cgroup trees, and the affinity mask.

#include "Processors.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <thread>

using namespace quern::runtime;

namespace {

struct ProcessorsTest : testing::Test {
  void SetUp() override {
    root = testing::TempDir() + "quern-cgroup-XXXXXX";
    ASSERT_NE(mkdtemp(root.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(root); }

  void write(const std::string &path, const std::string &text) {
    std::filesystem::path file = root + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  uint32_t quota() { return cgroupQuota(root.c_str()); }

  std::string root;
};

TEST_F(ProcessorsTest, NoCgroups) { EXPECT_EQ(quota(), UINT32_MAX); }

TEST_F(ProcessorsTest, Version2) {
  write("/proc/self/cgroup", "0::/app\n");
  write("/sys/fs/cgroup/app/cpu.max", "250000 100000\n");
  EXPECT_EQ(quota(), 3u);
}

TEST_F(ProcessorsTest, Version2WithoutALimit) {
  write("/proc/self/cgroup", "0::/app\n");
  write("/sys/fs/cgroup/app/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), UINT32_MAX);
}

TEST_F(ProcessorsTest, LeastOfTheGroupsAbove) {
  write("/proc/self/cgroup", "0::/a/b/c\n");
  write("/sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/a/b/c/cpu.max", "700000 100000\n");
  EXPECT_EQ(quota(), 2u);
}

TEST_F(ProcessorsTest, ContainerSeesItsGroupAsTheRoot) {
  write("/proc/self/cgroup", "0::/docker/0123\n");
  write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 1u);
}

TEST_F(ProcessorsTest, Version1) {
  write("/proc/self/cgroup",
        "9:cpuset:/x\n4:cpuacct,cpu:/app\n0::/\n2:cpuacct:/y\n");
  write("/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "400000\n");
  write("/sys/fs/cgroup/cpu/app/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 4u);
  write("/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(quota(), UINT32_MAX);
}

TEST_F(ProcessorsTest, DamagedFilesAreNoLimit) {
  write("/proc/self/cgroup", "nonsense\n:::\n0::/app");
  write("/sys/fs/cgroup/app/cpu.max", "100000 0\n");
  EXPECT_EQ(quota(), UINT32_MAX);
  write("/sys/fs/cgroup/app/cpu.max", "");
  EXPECT_EQ(quota(), UINT32_MAX);
}

TEST(AffinityTest, MaskOfTheThreadCounts) {
  std::thread([] {
    cpu_set_t all, one;
    ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    EXPECT_LE(availableProcessors(), uint32_t(CPU_COUNT(&all)));
    EXPECT_GE(availableProcessors(), 1u);
    int first = 0;
    while (!CPU_ISSET(first, &all))
      ++first;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(availableProcessors(), 1u);
  }).join();
}

} // namespace
