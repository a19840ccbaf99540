// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Facts about the CPU instruction sets.

#include "quern/Codegen/CPU/Target.h"

#include "quern/Base/CpuFeatures.h"
#include "quern/Runtime/StepABI.h"

using namespace quern;
using namespace quern::codegen;

/// AVX-512 with VNNI: 32 registers of 16 lanes.
static CpuTarget makeAvx512() {
  CpuTarget t;
  t.isa = "avx512";
  t.llvmCpu = "x86-64-v4";
  // Without prefer-256-bit: a tile of the generator is 16 lanes wide.
  t.llvmFeatures = "+avx512vnni,-prefer-256-bit";
  t.requiredFeatures = QUERN_FEATURE_X86_64_V4 | QUERN_FEATURE_AVX512VNNI;
  t.byteDot = ByteDot::Vnni512;
  t.hasFma = t.hasF16Conversion = true;
  t.registerTable = 32;
  t.tileRows = 8;
  t.tilePanels = 2;
  return t;
}

/// AVX2 with FMA and F16C: 16 registers of 8 lanes.
static CpuTarget makeAvx2() {
  CpuTarget t;
  t.isa = "avx2";
  t.llvmCpu = "x86-64-v3";
  t.requiredFeatures = QUERN_FEATURE_X86_64_V3;
  t.byteDot = ByteDot::Avx2;
  t.hasFma = t.hasF16Conversion = true;
  t.registerTable = 16;
  t.tileRows = 4;
  t.tilePanels = 1;
  return t;
}

/// Any x86-64: SSE2.
static CpuTarget makePortable() {
  CpuTarget t;
  t.isa = "portable";
  t.llvmCpu = "x86-64";
  t.tileRows = 2;
  t.tilePanels = 1;
  return t;
}

const std::vector<CpuTarget> &codegen::cpuTargets() {
  static const std::vector<CpuTarget> targets = {makeAvx512(), makeAvx2(),
                                                 makePortable()};
  return targets;
}

const CpuTarget *codegen::lookupCpuTarget(const std::string &isa) {
  for (const CpuTarget &target : cpuTargets())
    if (target.isa == isa)
      return &target;
  return nullptr;
}

static bool runsHere(const CpuTarget &target) {
  CpuFeatures found = detectCpuFeatures();
  uint64_t features = 0;
  features |= found.x86_64_v3 ? QUERN_FEATURE_X86_64_V3 : 0;
  features |= found.x86_64_v4 ? QUERN_FEATURE_X86_64_V4 : 0;
  features |= found.avx512vnni ? QUERN_FEATURE_AVX512VNNI : 0;
  return (target.requiredFeatures & ~features) == 0;
}

std::vector<const CpuTarget *>
codegen::resolveCpuTargets(const std::string &text) {
  static const std::pair<const char *, const char *> levels[] = {
      {"x86-64", "portable"}, {"x86-64-v3", "avx2"}, {"x86-64-v4", "avx512"}};
  std::string isa = text;
  for (auto [level, name] : levels)
    if (text == level)
      isa = name;
  std::vector<const CpuTarget *> result;
  for (const CpuTarget &target : cpuTargets()) {
    bool isBest = text == "host" && result.empty() && runsHere(target);
    if (text == "all" || isBest || target.isa == isa)
      result.push_back(&target);
  }
  return result;
}
