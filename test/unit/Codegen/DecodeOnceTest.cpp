// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Panels decoded once for all rows give the bits that they give when each
// tile of rows decodes them.

#include "LinearProblem.h"

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

struct Case {
  const char *format;
  ActivationRow::Kind input;
  int64_t K;
  int64_t group = 0; ///< of int8 activations
  int64_t N = 40;    ///< half of the last panel is missing
};

const Case kCases[] = {
    {"q4_0", kInt8, 1120, 32}, // three slices, the last of them shorter
    {"q4_0", kF32, 352},
    {"q6_k", kInt8, 768, 16},
    {"q4_k", kBf16, 512},
    {"q2_k", kInt8, 1280, 128},
    {"q3_k", kInt8, 768, 128},
    {"u2 [1, 8], scale (i5 [1, 8], scale f32), add (i4 [1, 8], scale f32)",
     kInt8, 320, 64},
    {"iq3_xxs", kInt8, 768, 32},
    {"iq2_xs", kF32, 512},
    {"iq1_m", kInt8, 512, 16},
    {"int8_channel", kInt8, 1000, 8}, // rows of x end within a tile
    {"u5 [1, 20], scale f32, min f16", kInt8, 700, 20},
    {"i5 [1, 28], scale f16", kInt8, 252, 28}, // and so within a chunk
    {"i5 [1, 28], scale f16", kF32, 252},
    {"u8 [1, 32], scale f16, zero u8", kInt8, 576, 32},
    {"fp8_block", kF32, 300, 0, 130},
    {"i8 [32, 48] partial, scale f16", kInt8, 604, 4},
    {"mxfp6_e3m2", kBf16, 288},
    {"nf4", kInt8, 1088, 64},
    {"mxfp8", kInt8, 288, 32},
    {"fp8_block", kInt8, 300, 4, 130},
};

/// What gtest prints of a failed case.
void PrintTo(const Case &c, std::ostream *out) {
  *out << c.format << " K=" << c.K << " input " << int(c.input);
}

std::shared_ptr<KernelLibrary> compile(LinearProblem p, const CpuTarget &target,
                                       Decoding decoding) {
  p.spec.decoding = decoding;
  p.spec.hasBias = p.spec.hasResidual = true;
  auto library = KernelLibrary::create(target, {p.source(target)});
  EXPECT_TRUE(library.isOk()) << library.status().message();
  return library ? *library : nullptr;
}

class DecodeOnce : public testing::TestWithParam<Case> {};

TEST_P(DecodeOnce, HasTheBitsOfDecodingInTiles) {
  const Case &c = GetParam();
  LinearProblem all =
      LinearProblem::create(c.format, {c.input, c.K, c.group}, 40, c.N, 7);
  for (const CpuTarget *target : runnableTargets()) {
    SCOPED_TRACE(target->isa);
    auto inTiles = compile(all, *target, Decoding::InTiles);
    auto once = compile(all, *target, Decoding::Once);
    ASSERT_TRUE(inTiles && once);
    for (int64_t M = 1; M <= all.M; M += M < 18 ? 1 : 7) {
      LinearProblem p = all;
      p.M = M;
      std::vector<float> expected = p.run(*inTiles, 1);
      EXPECT_TRUE(expected == p.run(*once, 1)) << "M=" << M;
      EXPECT_TRUE(expected == p.run(*once, 2)) << "M=" << M << ", two workers";
    }
    all.spec.hasBias = all.spec.hasResidual = true;
    all.expectClose(all.run(*once, 3));
  }
  all.input.expectIntact();
}

INSTANTIATE_TEST_SUITE_P(Formats, DecodeOnce, testing::ValuesIn(kCases));

/// Whether the kernel has functions that read decoded panels.
bool decodesOnce(const char *format, ActivationRow input, const char *isa) {
  const CpuTarget &target = *lookupCpuTarget(isa);
  LinearProblem p = LinearProblem::create(format, input, 1, 32, 1);
  auto text = compileToAssembly(target, {p.source(target)});
  EXPECT_TRUE(text.isOk()) << text.status().message();
  return text && text->find("linear_decoded_") != std::string::npos;
}

// The decision follows from costs: gathers and float fields are slow, masks
// and shifts are not.
TEST(DecodeOnceChoice, FollowsFromCosts) {
  EXPECT_TRUE(decodesOnce("iq3_xxs", {kInt8, 256, 32}, "avx512"));
  EXPECT_TRUE(decodesOnce("iq2_xs", {kF32, 256, 0}, "avx2"));
  EXPECT_TRUE(decodesOnce("fp8_channel", {kF32, 256, 0}, "avx512"));
  EXPECT_FALSE(decodesOnce("int8_channel", {kInt8, 256, 32}, "avx512"));
  EXPECT_FALSE(decodesOnce("f32", {kF32, 256, 0}, "avx512"));
}

} // namespace
