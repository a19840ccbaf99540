// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The inner loops of the machine probe, one for each instruction set.

#ifndef QUERN_LIB_RUNTIME_PROBEKERNELS_H
#define QUERN_LIB_RUNTIME_PROBEKERNELS_H

#include <stddef.h>
#include <stdint.h>

namespace quern::runtime {

/// Runs `rounds` rounds of arithmetic that depends on nothing but registers.
struct ArithmeticKernel {
  void (*run)(uint64_t rounds);
  double operationsPerRound; ///< multiplications and additions
};

/// Reads `bytes`, a multiple of 512, from 64-byte aligned memory.
using ReadKernel = void (*)(const uint8_t *data, size_t bytes);

/// The widest that this machine runs.
ArithmeticKernel chooseInt8Kernel();
ArithmeticKernel chooseBf16Kernel();
ArithmeticKernel chooseF32Kernel();
ReadKernel chooseReadKernel();

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_PROBEKERNELS_H
