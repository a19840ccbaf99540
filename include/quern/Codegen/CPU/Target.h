// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The CPU instruction sets that kernels are generated for.

#ifndef QUERN_CODEGEN_CPU_TARGET_H
#define QUERN_CODEGEN_CPU_TARGET_H

#include <cstdint>
#include <string>
#include <vector>

namespace quern::codegen {

/// How four unsigned by signed byte products are summed into 32 bits.
enum class ByteDot {
  Vnni512, ///< vpdpbusd on 16 lanes
  Avx2,    ///< vpmaddubsw, vpmaddwd on 2 x 8 lanes
  Widen,   ///< plain 32-bit multiplies
};

/// One instruction set: what LLVM is told and what the generator may use.
struct CpuTarget {
  std::string isa;          ///< name in #qk.tile, describe() and manifest.json
  std::string llvmCpu;      ///< -mcpu
  std::string llvmFeatures; ///< -mattr, comma separated
  /// cpuFeature bits of Base/CpuFeatures.h that a machine must have.
  uint64_t requiredFeatures = 0;
  ByteDot byteDot = ByteDot::Widen;
  bool hasFma = false;
  bool hasF16Conversion = false;
  /// Longest table, in floats, that one or two register shuffles look up.
  unsigned registerTable = 0;
  /// Rows of activations and panels of 16 columns of a register tile, for the
  /// largest M; smaller M halve the rows.
  unsigned tileRows = 1;
  unsigned tilePanels = 1;
};

/// All instruction sets, best first.
const std::vector<CpuTarget> &cpuTargets();

/// The target called `isa`, or null.
const CpuTarget *lookupCpuTarget(const std::string &isa);

/// Instruction sets that `--target` text asks for: "all", "host" (the best of
/// this machine), "x86-64", "x86-64-v3", "x86-64-v4" or an isa name; empty if
/// unknown.
std::vector<const CpuTarget *> resolveCpuTargets(const std::string &text);

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_TARGET_H
