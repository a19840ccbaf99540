// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Linear kernels of every instruction set against a double-precision
// product of the decoded operands, over formats, shapes and tails.

#include "LinearProblem.h"
#include <map>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;
using namespace quern::numerics;

namespace {

struct Case {
  const char *format;
  int64_t K;
  int64_t group;         ///< of int8 activations; 0: no integer mode
  bool portable = false; ///< tested on the portable target as well
  int64_t rowBlock = 1;  ///< N is a multiple of this
};

/// Five bits: 32 fractions, all of them positive.
const char kThirtyTwo[] =
    "codebook [0, 0.1, 0.23, 0.3, 0.41, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, "
    "1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.7, "
    "2.8, 2.9, 3, 3.1] [1, 32], scale f16, zero f16";

const Case kCases[] = {
    {"f32", 72, 0, true},
    {"f16", 68, 0, true},
    {"bf16", 96, 0},
    {"q4_0", 96, 32, true},
    {"q4_0", 160, 160}, // tiles of 32 columns, activations of all
    {"q4_0", 384, 128, true},
    {"q8_0", 64, 32},
    {"q4_k", 512, 128, true},
    {"q6_k", 256, 128, true},
    {"q6_k", 512, 512},
    // Integer scales of blocks, multiplied into codes of decoded panels.
    {"q2_k", 512, 128, true},
    {"q3_k", 512, 128, true},
    {"i3 [1, 64], scale (u5 [1, 4], scale f16)", 512, 128, true},
    {"u2 [1, 8], scale (i5 [1, 8], scale f32), add (i4 [1, 8], scale f32)", 192,
     64, true},
    {"f4E2M1FN [1, 16], scale (u3 [1, 4], scale f16)", 256, 64},
    {"int8_channel", 88, 8},
    {"int8_channel", 192, 96}, // a group is no whole tiles
    {"int4_g128", 256, 128},
    {"int4_g128_asym", 256, 128},
    {"fp8_channel", 100, 100, true},
    {"mxfp4", 96, 96, true},
    {"nf4", 128, 128, true},
    {"int8_tensor", 64, 64},
    {"fp8_block", 256, 128, false, 128},
    {"fp8_block", 172, 4, false, 1}, // both edges cut blocks
    {"i8 [32, 48] partial, scale f16", 100, 4, true},
    {"q4_1", 64, 32},
    {"i3 [1, 48], scale (u5 [1, 6], scale f16)", 576, 48, true},
    {"u5 [1, 20], scale f32, min f16", 100, 20},
    {"i5 [1, 28], scale f16", 252, 28}, // the last tile is half empty
    {"f6E2M3FN [1, 32], scale f8E8M0FNU from amax / 4 down", 64, 32},
    {"u8 [1, 32], scale f16, zero u8", 128, 128},
    {"i7 [1, 32], scale f32", 64, 64},
    {"iq2_xxs", 512, 32, true},
    {"iq2_s", 256, 128},
    {"iq3_xxs", 256, 32},
    {"iq3_s", 512, 32, true},
    {"iq1_m", 512, 32, true},
    {"iq1_s", 256, 32},
    {"tq1_0", 256, 32},
    {"q1_0", 128, 32},
    {"nvfp4_divisor", 64, 16},
    {"nf4_nested", 512, 128},
    {"bnb_nf4_nested", 512, 64},
    {"mxfp8_e5m2", 96, 32, true},
    {"mxfp6_e3m2", 128, 128}, // 64 words
    {"f8E4M3FNUZ [1, 20], scale f32, min f16", 100, 20},
    {"codebook @dynamic8 [1, 16], scale f32", 80, 16}, // 256 words, no sign bit
    {"u7 * 3 - 100 [1, 32], scale f16", 96, 32},       // 128 words, exact
    {"f16 [1, 32], scale f32", 64, 0},                 // codes behind scales
    {kThirtyTwo, 64, 64},                              // 32 words
    {"hqq4_g64", 172, 4, true}, // blocks cross rows: 4 columns to a scale
    {"i8 [1, 32], divisor f32, zero [1, 16] i8", 64, 32},
    {"codebook [1, 3, 5, 9] signs [1, 16], scale f16", 80, 16, true},
    {"codebook [[0, 1], [1, -2], [0.5, 2], [-1, -1]] [1, 32], scale f16", 96,
     32},
    {"codebook [[0.1, 1], [1.7, 2]] signs even [1, 8], scale f16", 72, 0, true},
};

/// A case's kernel for `target`, compiled once for all tests.
std::shared_ptr<KernelLibrary> kernelOf(const CpuTarget &target,
                                        const LinearProblem &p) {
  static std::map<std::string, std::shared_ptr<KernelLibrary>> known;
  std::string key =
      target.isa + p.spec.input.key() + printFormat(p.spec.weight);
  if (known.count(key))
    return known[key];
  auto library = KernelLibrary::create(target, {p.source(target)});
  EXPECT_TRUE(library.isOk())
      << target.isa << ": " << library.status().message();
  return known[key] = library ? *library : nullptr;
}

/// What gtest prints of a failed case.
void PrintTo(const Case &c, std::ostream *out) {
  *out << c.format << " K=" << c.K;
}

class LinearKernel : public testing::TestWithParam<Case> {
protected:
  std::vector<const CpuTarget *> targets() const {
    std::vector<const CpuTarget *> result;
    for (const CpuTarget *target : runnableTargets())
      if (target->isa != "portable" || GetParam().portable)
        result.push_back(target);
    return result;
  }

  /// Rows from 1 to 17 and columns around a panel.
  void checkAllShapes(ActivationRow::Kind kind) {
    const Case &c = GetParam();
    ActivationRow input{kind, c.K, c.group};
    for (auto [M, N] : std::vector<std::pair<int64_t, int64_t>>{{1, 1},
                                                                {1, 40},
                                                                {2, 16},
                                                                {3, 17},
                                                                {5, 15},
                                                                {7, 33},
                                                                {8, 48},
                                                                {9, 65},
                                                                {17, 34}}) {
      int64_t blocks = (N + c.rowBlock - 1) / c.rowBlock;
      LinearProblem p =
          LinearProblem::create(c.format, input, M, blocks * c.rowBlock, M + N);
      checkOnAllTargets(p);
    }
  }

  /// Integer results have the same bits everywhere.
  void checkOnAllTargets(const LinearProblem &p) {
    std::vector<float> first;
    for (const CpuTarget *target : targets()) {
      SCOPED_TRACE(target->isa);
      auto library = kernelOf(*target, p);
      ASSERT_NE(library, nullptr);
      std::vector<float> result = p.run(*library, 1);
      p.expectClose(result);
      EXPECT_TRUE(result == p.run(*library, 3)) << "workers change results";
      if (first.empty())
        first = result;
      if (p.spec.input.kind == kInt8)
        EXPECT_TRUE(first == result) << "instruction sets differ";
    }
    p.input.expectIntact();
  }
};

TEST_P(LinearKernel, Float32Activations) { checkAllShapes(kF32); }

TEST_P(LinearKernel, BFloat16Activations) { checkAllShapes(kBf16); }

class LinearKernelInt8 : public LinearKernel {};

TEST_P(LinearKernelInt8, Int8Activations) { checkAllShapes(kInt8); }

/// A row's result does not depend on the rows beside it, so that prefill and
/// decode agree.
TEST_P(LinearKernel, RowsDoNotDependOnEachOther) {
  const Case &c = GetParam();
  auto kind = c.group ? kInt8 : kF32;
  int64_t N = 37 * c.rowBlock;
  LinearProblem p =
      LinearProblem::create(c.format, {kind, c.K, c.group}, 11, N, 3);
  for (const CpuTarget *target : targets()) {
    SCOPED_TRACE(target->isa);
    auto library = kernelOf(*target, p);
    ASSERT_NE(library, nullptr);
    std::vector<float> all = p.run(*library, 2);
    LinearProblem one = p;
    one.M = 1;
    for (int64_t m = 0; m < p.M; ++m) {
      std::memcpy(one.input.rowBytes(0), p.input.rowBytes(m),
                  p.spec.input.stride());
      std::vector<float> row(&all[m * N], &all[m * N] + N);
      EXPECT_TRUE(row == one.run(*library, 1)) << "row " << m;
    }
  }
}

/// The cases whose values become integers.
std::vector<Case> integerCases() {
  std::vector<Case> result;
  std::copy_if(std::begin(kCases), std::end(kCases), std::back_inserter(result),
               [](const Case &c) { return c.group != 0; });
  return result;
}

INSTANTIATE_TEST_SUITE_P(Formats, LinearKernel, testing::ValuesIn(kCases));
INSTANTIATE_TEST_SUITE_P(Formats, LinearKernelInt8,
                         testing::ValuesIn(integerCases()));

TEST(LinearKernelEpilogue, BiasResidualAndSoftcap) {
  for (auto [hasBias, softcap] :
       {std::pair(false, 0.0f), {true, 0.0f}, {true, 1.5f}})
    for (const CpuTarget *target : runnableTargets()) {
      LinearProblem p =
          LinearProblem::create("q4_0", {kInt8, 64, 32}, 6, 21, 5);
      p.spec.hasBias = hasBias;
      p.spec.hasResidual = true;
      p.spec.softcap = softcap;
      auto library = KernelLibrary::create(*target, {p.source(*target)});
      ASSERT_TRUE(library.isOk()) << library.status().message();
      p.expectClose(p.run(**library, 2));
    }
}

TEST(LinearKernelErrors, SaysWhyIntegerModeIsImpossible) {
  LinearProblem p =
      LinearProblem::create("f8E4M3FN", {kInt8, 64, 32}, 1, 16, 1);
  const CpuTarget &target = *lookupCpuTarget("portable");
  auto library = KernelLibrary::create(target, {p.source(target)});
  ASSERT_FALSE(library.isOk());
  EXPECT_NE(library.status().message().find("8-bit integers"),
            std::string::npos)
      << library.status().message();
}

} // namespace
