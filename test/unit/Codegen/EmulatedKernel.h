// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Kernels for AArch64, run by qemu-aarch64.

#ifndef QUERN_TEST_UNIT_CODEGEN_EMULATEDKERNEL_H
#define QUERN_TEST_UNIT_CODEGEN_EMULATEDKERNEL_H

#include "KernelHarness.h"

namespace quern::codegen::test {

/// An argument: a number, or the address of bytes.
struct EmulatedArgument {
  int64_t number = 0;
  bool isBytes = false;
  std::vector<uint8_t> bytes; ///< receives what the kernel leaves in them

  static EmulatedArgument of(int64_t number) { return {number, false, {}}; }
  static EmulatedArgument of(const void *data, size_t size) {
    auto *first = static_cast<const uint8_t *>(data);
    return {0, true, std::vector<uint8_t>(first, first + size)};
  }
};
using EmulatedCall = std::vector<EmulatedArgument>;

/// What the emulator or the build lacks, or "".
std::string whyNoEmulator();

/// Compiles `source` for `target` and makes `calls`, one after another, on an
/// emulated processor of the kind `cpu`.
Status runEmulated(const CpuTarget &target, const std::string &cpu,
                   const KernelSource &source,
                   std::vector<EmulatedCall> &calls);

} // namespace quern::codegen::test

#endif // QUERN_TEST_UNIT_CODEGEN_EMULATEDKERNEL_H
