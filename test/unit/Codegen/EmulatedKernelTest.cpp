// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Linear kernels of AArch64, in an emulator, against the same product in
// double precision and the bits of the portable kernel.

#include "EmulatedKernel.h"
#include "LinearProblem.h"
#include <cmath>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

struct Case {
  const char *format;
  ActivationRow::Kind input;
  int64_t K;
  int64_t group; ///< of int8 activations
};

/// 32 fractions: more floats than one tbl finds.
const char kLongTable[] =
    "codebook [-5.55, -5.18, -4.81, -4.44, -4.07, -3.7, -3.33, "
    "-2.96, -2.59, -2.22, -1.85, -1.48, -1.11, -0.74, -0.37, 0, "
    "0.37, 0.74, 1.11, 1.48, 1.85, 2.22, 2.59, 2.96, 3.33, 3.7, "
    "4.07, 4.44, 4.81, 5.18, 5.55, 5.92] [1, 32], scale f16";

const Case kCases[] = {
    {"f16", kF32, 68, 0},
    {"q4_0", kF32, 96, 0},
    {"q4_0", kBf16, 96, 0},
    {"q4_0", kInt8, 96, 32},
    {"q8_0", kInt8, 64, 32}, // eight bits: sdot takes them signed
    {"q4_k", kInt8, 512, 32},
    {"q6_k", kInt8, 256, 16},
    {"q3_k", kInt8, 256, 128}, // codes times scales are of eight bits
    {"q6_k", kBf16, 256, 0},
    {"int4_g128_asym", kInt8, 256, 128},
    {"u8 [1, 32], scale f16, zero u8", kInt8, 64, 32},
    {"u5 [1, 20], scale f32, min f16", kInt8, 100, 20},
    {"mxfp4", kInt8, 96, 32}, // a table of bytes
    {"nf4", kF32, 128, 0},    // a table of floats
    {"nf4", kInt8, 128, 128}, // two tables of bytes
    {"mxfp8", kInt8, 96, 32},
    {"nf4", kBf16, 128, 0},
    {kLongTable, kF32, 128, 0},
    {"fp8_channel", kF32, 100, 0},
};

/// What gtest prints of a failed case.
void PrintTo(const Case &c, std::ostream *out) {
  *out << c.format << " K=" << c.K << " input " << int(c.input);
}

/// The arguments of a linear kernel, in its order.
EmulatedCall callOf(const LinearProblem &p) {
  auto floats = [](const std::vector<float> &values) {
    return EmulatedArgument::of(values.data(), 4 * values.size());
  };
  std::vector<float> y(p.M * p.N, 777.0f);
  EmulatedCall call = {
      EmulatedArgument::of(p.input.rowBytes(0), p.M * p.spec.input.stride()),
      floats(y),
      EmulatedArgument::of(4 * p.N),
      floats(p.bias),
      floats(p.residual),
      EmulatedArgument::of(p.M),
      EmulatedArgument::of(p.N),
      EmulatedArgument::of(int64_t(0)),
      EmulatedArgument::of(int64_t(1))};
  for (size_t i = 0; i < p.spec.layout.segments.size(); ++i) {
    int64_t begin = segmentOffset(p.spec.layout, i, p.N, p.depth());
    call.push_back(EmulatedArgument::of(p.weights.data() + begin,
                                        p.weights.size() - begin));
  }
  return call;
}

std::vector<float> resultOf(const EmulatedCall &call) {
  const std::vector<uint8_t> &bytes = call[1].bytes;
  std::vector<float> result(bytes.size() / 4);
  std::memcpy(result.data(), bytes.data(), bytes.size());
  return result;
}

class EmulatedLinearKernel : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    if (std::string why = whyNoEmulator(); !why.empty())
      GTEST_SKIP() << why;
    const Case &c = GetParam();
    for (auto [M, N] : {std::pair(1, 40), std::pair(6, 17)})
      problems.push_back(
          LinearProblem::create(c.format, {c.input, c.K, c.group}, M, N, M));
  }

  std::vector<float> runPortable(const LinearProblem &p) {
    const CpuTarget &target = *lookupCpuTarget("portable");
    if (!portable) {
      auto library = KernelLibrary::create(target, {p.source(target)});
      EXPECT_TRUE(library.isOk()) << library.status().message();
      portable = library ? *library : nullptr;
    }
    std::vector<float> y(p.M * p.N, 777.0f);
    if (portable)
      p.call(portable->lookup<LinearProblem::Function>("linear"),
             p.weights.data(), y.data(), p.residual.data(), 4 * p.N, 1);
    return y;
  }

  void check(const char *isa, const char *cpu) {
    for (Decoding decoding : {Decoding::InTiles, Decoding::Once})
      check(*lookupCpuTarget(isa), cpu, decoding);
  }

  void check(const CpuTarget &target, const char *cpu, Decoding decoding) {
    std::vector<EmulatedCall> calls;
    for (const LinearProblem &p : problems)
      calls.push_back(callOf(p));
    LinearProblem compiled = problems.front();
    compiled.spec.decoding = decoding;
    Status status = runEmulated(target, cpu, compiled.source(target), calls);
    ASSERT_TRUE(status.isOk()) << status.message();
    for (size_t i = 0; i < problems.size(); ++i) {
      const LinearProblem &p = problems[i];
      std::vector<float> result = resultOf(calls[i]);
      // bfdot rounds to odd: by up to twice as much as to nearest.
      bool isOdd = GetParam().input == kBf16 && target.bf16Dot == Bf16Dot::Neon;
      p.expectClose(result, isOdd ? 2 : 1);
      if (GetParam().input == kInt8)
        EXPECT_TRUE(result == runPortable(p)) << "instruction sets differ";
    }
  }

  std::vector<LinearProblem> problems;
  std::shared_ptr<KernelLibrary> portable;
};

// A processor with dot products of bytes, and none of what came later.
TEST_P(EmulatedLinearKernel, Neon) { check("neon", "neoverse-n1"); }

TEST_P(EmulatedLinearKernel, NeonI8mm) { check("neon_i8mm", "max"); }

INSTANTIATE_TEST_SUITE_P(Formats, EmulatedLinearKernel,
                         testing::ValuesIn(kCases));

} // namespace
