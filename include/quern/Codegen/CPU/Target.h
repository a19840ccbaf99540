// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The CPU instruction sets that kernels are generated for.

#ifndef QUERN_CODEGEN_CPU_TARGET_H
#define QUERN_CODEGEN_CPU_TARGET_H

#include "quern/Base/Status.h"
#include <cstdint>
#include <string>
#include <vector>

namespace quern::codegen {

/// How four products of a weight's bytes and signed bytes are summed into 32
/// bits. Weights are unsigned, but for Sdot.
enum class ByteDot {
  Vnni512, ///< vpdpbusd on 16 lanes
  Vnni256, ///< vpdpbusd in VEX encoding on 2 x 8 lanes
  Avx2,    ///< vpmaddubsw, vpmaddwd on 2 x 8 lanes
  Usdot,   ///< usdot on 4 x 4 lanes
  Sdot,    ///< sdot on 4 x 4 lanes; weights are signed
  Widen,   ///< plain 32-bit multiplies
};

/// How two bfloat16 products are added to a binary32 sum. None of these is a
/// fused multiply-add: all flush subnormal operands and results to zero.
enum class Bf16Dot {
  None,   ///< weights are rounded to bfloat16, then multiplied in binary32
  Avx512, ///< vdpbf16ps: each sum rounded to nearest even
  Neon,   ///< bfdot: products and sums rounded to odd
};

/// Instructions that look up tables held in registers.
enum class TableLookup {
  None,
  Avx2,   ///< vpshufb of 16 bytes, vpermps of 8 floats
  Avx512, ///< vpshufb of 16 bytes, vpermps and vpermt2ps of 16 and 32 floats
  Neon,   ///< tbl of 16 and of 64 bytes
};

/// The processors that one model.so can hold code for.
enum class Architecture { X86_64, AArch64 };

/// One instruction set: what LLVM is told and what the generator may use.
struct CpuTarget {
  std::string isa; ///< name in #qk.tile, describe() and manifest.json
  Architecture architecture = Architecture::X86_64;
  std::string llvmCpu;      ///< -mcpu
  std::string llvmFeatures; ///< -mattr, comma separated
  /// cpuFeature bits of Base/CpuFeatures.h that a machine must have.
  uint64_t requiredFeatures = 0;
  ByteDot byteDot = ByteDot::Widen;
  Bf16Dot bf16Dot = Bf16Dot::None;
  TableLookup tableLookup = TableLookup::None;
  /// AMX-INT8 and AMX-BF16: 16 rows by a panel in one instruction.
  bool hasTiles = false;
  bool hasFma = false;
  bool hasF16Conversion = false;
  /// Longest table, in floats, that one or two register shuffles look up.
  unsigned registerTable = 0;
  /// Rows of activations and panels of 16 columns of a register tile, for the
  /// largest M; fewer rows take tiles of powers of two.
  unsigned tileRows = 1;
  /// Rows of a tile of integer products, for each of which dot products and
  /// sums of a span wait in registers.
  unsigned integerTileRows = 1;
  /// The same of integers of two bytes, with a dot product for each.
  unsigned planeTileRows = 1;
  unsigned tilePanels = 1;
  /// "host" takes it: somebody has measured it.
  bool isMeasured = true;
};

/// LLVM's target triple for Linux.
const char *targetTriple(Architecture architecture);

/// All instruction sets; of one architecture, best first.
const std::vector<CpuTarget> &cpuTargets();

/// The target called `isa`, or null.
const CpuTarget *lookupCpuTarget(const std::string &isa);

/// Bits of quern_feature that the machine has which runs this.
uint64_t hostCpuFeatures();

/// Whether this machine can run the code of `target`.
bool runsHere(const CpuTarget &target);

/// Instruction sets that `--target` text asks for, best first: names separated
/// by commas, of an isa or of a group:
///   all        portable, avx2 and avx512
///   x86-64     portable
///   x86-64-v3  avx2
///   x86-64-v4  avx512
///   aarch64    neon and neon_i8mm
///   host       the best of this machine
/// InvalidArgument for an unknown name, and for two architectures at once.
Result<std::vector<const CpuTarget *>>
resolveCpuTargets(const std::string &text);

/// "avx512bf16, avx512, ... or neon".
std::string listCpuTargets();

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_TARGET_H
