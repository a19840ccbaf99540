// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Counts a core's cycles on machines that others use as well.

#include "CycleCounter.h"

#include <algorithm>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

using namespace quern::codegen;

#if defined(__x86_64__)

std::string test::whyNoCycles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kPowerManagement = 0x80000007, kInvariantTsc = 1u << 8;
  if (!__get_cpuid(kPowerManagement, &a, &b, &c, &d) || !(d & kInvariantTsc))
    return "no invariant time-stamp counter";
  return "";
}

static uint64_t ticks() {
  _mm_lfence();
  uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
}

/// Ticks of a chain of kChain multiplications.
static double ticksOfChain() {
  constexpr int kChain = 2000;
  uint64_t begin = ticks(), x = 3;
  for (int i = 0; i < kChain; ++i)
    asm volatile("imulq %0, %0" : "+r"(x));
  return double(ticks() - begin) / (3 * kChain);
}

double test::fewestCycles(const std::function<void()> &run, int repeats) {
  // The fewest of each: a run that was interrupted counts for neither.
  double ticksOfRun = 1e30, ticksOfCycle = 1e30;
  for (int i = 0; i < repeats; ++i) {
    ticksOfCycle = std::min(ticksOfCycle, ticksOfChain());
    uint64_t begin = ticks();
    run();
    ticksOfRun = std::min(ticksOfRun, double(ticks() - begin));
  }
  return ticksOfRun / ticksOfCycle;
}

#else

std::string test::whyNoCycles() { return "no time-stamp counter of x86-64"; }

double test::fewestCycles(const std::function<void()> &, int) { return 0; }

#endif
