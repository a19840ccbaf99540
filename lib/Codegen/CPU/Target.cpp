// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Facts about the CPU instruction sets.

#include "quern/Codegen/CPU/Target.h"

#include "quern/Base/CpuFeatures.h"
#include "quern/Runtime/StepABI.h"
#include <algorithm>
#include <set>

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
  t.tableLookup = TableLookup::Avx512;
  t.hasFma = t.hasF16Conversion = true;
  t.registerTable = 32;
  t.tileRows = 8;
  t.integerTileRows = 6;
  t.planeTileRows = 4;
  t.tilePanels = 2;
  return t;
}

/// The same with bfloat16 products. Modes other than bf16 have the same code.
static CpuTarget makeAvx512Bf16() {
  CpuTarget t = makeAvx512();
  t.isa = "avx512bf16";
  t.llvmFeatures += ",+avx512bf16";
  t.requiredFeatures |= QUERN_FEATURE_AVX512BF16;
  t.bf16Dot = Bf16Dot::Avx512;
  return t;
}

/// The same with products of tiles: of bytes for 16 rows of activations and
/// more, of bfloat16 for any number.
static CpuTarget makeAmx() {
  CpuTarget t = makeAvx512Bf16();
  t.isa = "amx";
  t.llvmFeatures += ",+amx-tile,+amx-int8,+amx-bf16";
  t.requiredFeatures |= QUERN_FEATURE_AMX_INT8 | QUERN_FEATURE_AMX_BF16;
  t.hasTiles = true;
  t.isMeasured = false;
  return t;
}

/// AVX2 with FMA and F16C: 16 registers of 8 lanes.
static CpuTarget makeAvx2() {
  CpuTarget t;
  t.isa = "avx2";
  t.llvmCpu = "x86-64-v3";
  t.requiredFeatures = QUERN_FEATURE_X86_64_V3;
  t.byteDot = ByteDot::Avx2;
  t.tableLookup = TableLookup::Avx2;
  t.hasFma = t.hasF16Conversion = true;
  t.registerTable = 16;
  t.tileRows = 4;
  t.integerTileRows = 4;
  t.planeTileRows = 2;
  t.tilePanels = 1;
  return t;
}

/// AVX2 with VNNI in VEX encoding.
static CpuTarget makeAvx2Vnni() {
  CpuTarget t = makeAvx2();
  t.isa = "avx2vnni";
  t.llvmFeatures = "+avxvnni";
  t.requiredFeatures |= QUERN_FEATURE_AVXVNNI;
  t.byteDot = ByteDot::Vnni256;
  return t;
}

/// Any x86-64: SSE2.
static CpuTarget makePortable() {
  CpuTarget t;
  t.isa = "portable";
  t.llvmCpu = "x86-64";
  t.tileRows = 2;
  t.integerTileRows = 2;
  t.planeTileRows = 1;
  t.tilePanels = 1;
  return t;
}

/// AArch64 with dot products of bytes: 32 registers of 4 lanes.
static CpuTarget makeNeon() {
  CpuTarget t;
  t.isa = "neon";
  t.architecture = Architecture::AArch64;
  t.llvmCpu = "generic";
  t.llvmFeatures = "+dotprod";
  t.requiredFeatures = QUERN_FEATURE_ARM_DOTPROD;
  t.byteDot = ByteDot::Sdot;
  t.tableLookup = TableLookup::Neon;
  t.hasFma = t.hasF16Conversion = true;
  t.registerTable = 32;
  t.tileRows = 4;
  t.integerTileRows = 4;
  t.planeTileRows = 2;
  t.tilePanels = 1;
  return t;
}

/// The same with products of unsigned by signed bytes and of bfloat16, which
/// came together in Armv8.6.
static CpuTarget makeNeonI8mm() {
  CpuTarget t = makeNeon();
  t.isa = "neon_i8mm";
  t.llvmFeatures += ",+i8mm,+bf16";
  t.requiredFeatures |= QUERN_FEATURE_ARM_I8MM | QUERN_FEATURE_ARM_BF16;
  t.byteDot = ByteDot::Usdot;
  t.bf16Dot = Bf16Dot::Neon;
  return t;
}

const char *codegen::targetTriple(Architecture architecture) {
  switch (architecture) {
  case Architecture::X86_64:
    break;
  case Architecture::AArch64:
    return "aarch64-unknown-linux-gnu";
  }
  return "x86_64-unknown-linux-gnu";
}

const std::vector<CpuTarget> &codegen::cpuTargets() {
  static const std::vector<CpuTarget> targets = {
      makeAmx(),  makeAvx512Bf16(), makeAvx512(),   makeAvx2Vnni(),
      makeAvx2(), makePortable(),   makeNeonI8mm(), makeNeon()};
  return targets;
}

const CpuTarget *codegen::lookupCpuTarget(const std::string &isa) {
  for (const CpuTarget &target : cpuTargets())
    if (target.isa == isa)
      return &target;
  return nullptr;
}

std::string codegen::listCpuTargets() {
  std::string text;
  const std::vector<CpuTarget> &targets = cpuTargets();
  for (const CpuTarget &target : targets) {
    const char *before = &target == &targets.back() ? " or " : ", ";
    text += (text.empty() ? "" : before) + target.isa;
  }
  return text;
}

uint64_t codegen::hostCpuFeatures() {
  CpuFeatures found = detectCpuFeatures();
  const std::pair<bool, quern_feature> features[] = {
      {found.x86_64_v3, QUERN_FEATURE_X86_64_V3},
      {found.x86_64_v4, QUERN_FEATURE_X86_64_V4},
      {found.avx512vnni, QUERN_FEATURE_AVX512VNNI},
      {found.avx512bf16, QUERN_FEATURE_AVX512BF16},
      {found.avxvnni, QUERN_FEATURE_AVXVNNI},
      {found.amxInt8 && mayUseTiles(), QUERN_FEATURE_AMX_INT8},
      {found.amxBf16 && mayUseTiles(), QUERN_FEATURE_AMX_BF16},
      {found.armDotprod, QUERN_FEATURE_ARM_DOTPROD},
      {found.armI8mm, QUERN_FEATURE_ARM_I8MM},
      {found.armBf16, QUERN_FEATURE_ARM_BF16}};
  uint64_t bits = 0;
  for (auto [has, bit] : features)
    bits |= has ? bit : 0;
  return bits;
}

bool codegen::runsHere(const CpuTarget &target) {
#if defined(__aarch64__)
  Architecture host = Architecture::AArch64;
#else
  Architecture host = Architecture::X86_64;
#endif
  return target.architecture == host &&
         (target.requiredFeatures & ~hostCpuFeatures()) == 0;
}

/// The isas that a name stands for; empty if it is unknown.
static std::vector<std::string> expandName(const std::string &name) {
  static const std::pair<const char *, std::vector<std::string>> groups[] = {
      {"all", {"avx512", "avx2", "portable"}},
      {"x86-64", {"portable"}},
      {"x86-64-v3", {"avx2"}},
      {"x86-64-v4", {"avx512"}},
      {"aarch64", {"neon_i8mm", "neon"}}};
  for (auto &[group, isas] : groups)
    if (name == group)
      return isas;
  for (const CpuTarget &target : cpuTargets()) {
    bool isHost = name == "host" && target.isMeasured && runsHere(target);
    if (name == target.isa || isHost)
      return {target.isa};
  }
  return {};
}

Result<std::vector<const CpuTarget *>>
codegen::resolveCpuTargets(const std::string &text) {
  std::set<std::string> wanted;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    std::vector<std::string> isas = expandName(name);
    if (isas.empty())
      return Status::error(StatusCode::InvalidArgument,
                           "expects target to be all, host, x86-64, x86-64-v3, "
                           "x86-64-v4, aarch64, " +
                               listCpuTargets() + ", but got '" + name + "'");
    wanted.insert(isas.begin(), isas.end());
    begin = end + 1;
  }
  std::vector<const CpuTarget *> result;
  for (const CpuTarget &target : cpuTargets())
    if (wanted.count(target.isa))
      result.push_back(&target);
  for (const CpuTarget *target : result)
    if (target->architecture != result.front()->architecture)
      return Status::error(StatusCode::InvalidArgument,
                           "expects targets of one architecture, but got " +
                               result.front()->isa + " and " + target->isa);
  return result;
}
