// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What this machine can do at best, measured in the same run.

#ifndef QUERN_TEST_BENCHMARKS_MACHINEPEAKS_H
#define QUERN_TEST_BENCHMARKS_MACHINEPEAKS_H

namespace quern::codegen::test {

/// Registers peak/read (GB/s from memory), peak/<isa>/int8 and peak/<isa>/f32
/// (GOP/s from registers) for the instruction sets that this machine runs.
void registerPeaks();

} // namespace quern::codegen::test

#endif // QUERN_TEST_BENCHMARKS_MACHINEPEAKS_H
