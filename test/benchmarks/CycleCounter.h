// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Counts a core's cycles on machines that others use as well.

#ifndef QUERN_TEST_BENCHMARKS_CYCLECOUNTER_H
#define QUERN_TEST_BENCHMARKS_CYCLECOUNTER_H

#include <cstdint>
#include <functional>
#include <string>

namespace quern::codegen::test {

/// Why cycles cannot be counted here; empty if they can.
std::string whyNoCycles();

/// Fewest cycles that `run` took of `repeats` times. The time-stamp counter
/// ticks at a fixed rate, cores do not: a chain of multiplications, of three
/// cycles each on every x86-64 core of the last fifteen years, is timed beside
/// each run.
double fewestCycles(const std::function<void()> &run, int repeats);

} // namespace quern::codegen::test

#endif // QUERN_TEST_BENCHMARKS_CYCLECOUNTER_H
