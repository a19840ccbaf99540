// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Every instruction set's kernels compile, whatever machine this is, and
// use the instructions that the set is there for.

#include "LinearProblem.h"
#include <regex>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

struct Case {
  const char *isa;
  ActivationRow::Kind input;
  const char *format;
  const char *expected;  ///< regular expression on one line
  const char *forbidden; ///< the same; none: ""
};

const Case kCases[] = {
    {"avx512", kInt8, "q4_0", "vpdpbusd.*%zmm", "vpmaddubsw|vdpbf16ps"},
    {"avx512", kBf16, "q4_0", "vfmadd.*%zmm", "bf16"},
    {"avx512", kInt8, "nf4", "vpshufb.*%zmm", "vpgather"},
    {"avx512", kInt8, "fp8_channel", "vperm[it]2w.*%zmm", "vpgather"},
    {"avx512bf16", kInt8, "q8_0", "vpdpbusd.*%zmm", "vpmaddubsw"},
    {"avx512bf16", kBf16, "q4_0", "vdpbf16ps.*%zmm", "vfmadd[0-9]*ps"},
    {"avx512bf16", kBf16, "nf4", "vcvtne2ps2bf16.*%zmm", "vpgather"},
    {"amx", kInt8, "q4_0", "tdpbsud.*%tmm", "vpmaddubsw"},
    {"amx", kInt8, "q8_0", "ldtilecfg", "vpmaddubsw"},
    {"amx", kBf16, "q4_0", "tdpbf16ps.*%tmm", "vdpbf16ps"},
    {"avx2vnni", kInt8, "q4_0", "\\{vex\\}\\s+vpdpbusd.*%ymm",
     "%zmm|vpmaddubsw"},
    {"avx2vnni", kInt8, "q8_0", "\\{vex\\}\\s+vpdpbusd.*%ymm",
     "%zmm|vpmaddubsw"},
    {"avx2vnni", kInt8, "mxfp4", "vpshufb.*%ymm", "%zmm"},
    {"avx2", kInt8, "nf4", "vpshufb.*%ymm", "%zmm|vpgather|vpmaddubsw"},
    {"avx2", kInt8, "q4_0", "vpmaddubsw.*%ymm", "%zmm|vpdpbusd"},
    {"neon", kInt8, "q4_0", "sdot.*v[0-9]+\\.4s", "usdot"},
    {"neon", kInt8, "q8_0", "sdot.*v[0-9]+\\.4s", "usdot"},
    {"neon", kInt8, "mxfp4", "tbl.*\\.16b", "usdot"},
    {"neon", kBf16, "nf4", "tbl.*\\.16b, \\{.*v[0-9]+\\.16b \\}", "bfdot"},
    {"neon_i8mm", kInt8, "q8_0", "usdot.*v[0-9]+\\.4s", "\\ssdot"},
    {"neon_i8mm", kBf16, "q4_0", "bfdot.*v[0-9]+\\.4s", "fml[as]"},
    {"neon_i8mm", kBf16, "q4_0", "bfcvtn", "fml[as]"},
    {"portable", kInt8, "q4_0", "pmaddwd|pmul", "%[yz]mm|\\bv[a-z]+"},
};

/// What gtest prints of a failed case.
void PrintTo(const Case &c, std::ostream *out) {
  *out << c.isa << " " << c.format << " expects " << c.expected;
}

std::vector<std::string> linesThatMatch(const std::string &text,
                                        const std::string &pattern) {
  std::regex expression(pattern);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    bool isInstruction = line.size() > 1 && line[0] == '\t' && line[1] != '.';
    if (isInstruction && std::regex_search(line, expression))
      lines.push_back(line);
    begin = end + 1;
  }
  return lines;
}

class Instructions : public testing::TestWithParam<Case> {};

TEST_P(Instructions, AreThoseOfTheSet) {
  const Case &c = GetParam();
  const CpuTarget *target = lookupCpuTarget(c.isa);
  ASSERT_NE(target, nullptr);
  int64_t group = c.input == kInt8 ? 32 : 0;
  LinearProblem p =
      LinearProblem::create(c.format, {c.input, 128, group}, 1, 16, 1);
  auto text = compileToAssembly(*target, {p.source(*target)});
  ASSERT_TRUE(text.isOk()) << text.status().message();
  EXPECT_FALSE(linesThatMatch(*text, c.expected).empty()) << *text;
  if (*c.forbidden)
    EXPECT_EQ(linesThatMatch(*text, c.forbidden), std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Sets, Instructions, testing::ValuesIn(kCases));

// The log says what the other tests of this program ran.
TEST(InstructionSets, OfThisMachine) {
  std::string run, compiled;
  for (const CpuTarget &target : cpuTargets())
    (runsHere(target) ? run : compiled) += " " + target.isa;
  std::printf("kernels run on:%s; only compiled for:%s\n", run.c_str(),
              compiled.c_str());
  RecordProperty("run", run);
  auto host = resolveCpuTargets("host");
  ASSERT_TRUE(host.isOk());
  EXPECT_EQ(host->front(), runnableTargets().front());
}

TEST(InstructionSets, AreNamedOnTheCommandLine) {
  auto names = [](const std::string &text) {
    std::string list;
    auto found = resolveCpuTargets(text);
    EXPECT_TRUE(found.isOk()) << found.status().message();
    if (found)
      for (const CpuTarget *target : *found)
        list += (list.empty() ? "" : " ") + target->isa;
    return list;
  };
  EXPECT_EQ(names("all"), "avx512 avx2 portable");
  EXPECT_EQ(names("x86-64"), "portable");
  EXPECT_EQ(names("x86-64-v3"), "avx2");
  EXPECT_EQ(names("aarch64"), "neon_i8mm neon");
  EXPECT_EQ(names("portable,avx512bf16,all"),
            "avx512bf16 avx512 avx2 portable");
  auto wrong = resolveCpuTargets("avx2,mmx");
  ASSERT_FALSE(wrong.isOk());
  EXPECT_NE(wrong.status().message().find("but got 'mmx'"), std::string::npos)
      << wrong.status().message();
  auto mixed = resolveCpuTargets("avx2,neon");
  ASSERT_FALSE(mixed.isOk());
  EXPECT_EQ(mixed.status().message(),
            "expects targets of one architecture, but got avx2 and neon");
}

} // namespace
