// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Linear kernels with AMX tiles. Where the machine has none, LLVM puts
// loops in place of each tile instruction: what is not run then is the
// instruction itself.

#include "LinearProblem.h"

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

struct Case {
  const char *format;
  int64_t K;
  int64_t group; ///< of int8 activations; 0: they are bfloat16
  Decoding decoding = Decoding::InTiles;
};

const Case kCases[] = {
    {"q4_0", 96, 32},
    {"q8_0", 64, 32},
    {"q6_k", 256, 16},
    {"q2_k", 512, 128},
    {"int4_g128", 256, 128}, // two tiles deep
    {"int8_tensor", 64, 64},
    {"mxfp4", 96, 32},
    {"u5 [1, 20], scale f32, min f16", 100, 20},
    {"i5 [1, 28], scale f16", 252, 28}, // the last tile is half empty
    {"q4_0", 1120, 32, Decoding::Once}, // three slices
    {"i5 [1, 28], scale f16", 252, 28, Decoding::Once},
    {"iq3_xxs", 768, 32, Decoding::Once},
    {"nf4", 128, 64}, // two planes of bytes, without tiles
    {"mxfp8", 288, 32, Decoding::Once},
};

/// What gtest prints of a failed case.
void PrintTo(const Case &c, std::ostream *out) { *out << c.format; }

/// A kernel with tiles, or with loops in their place.
class TileTest : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    const CpuTarget &target = *lookupCpuTarget("amx");
    bool isNative = runsHere(target);
    if (!isNative && !runsHere(*lookupCpuTarget("avx512")))
      GTEST_SKIP() << "no AVX-512 VNNI";
    kernel = compile(target, isNative ? Tiles::Native : Tiles::Loops);
    ASSERT_TRUE(kernel);
  }

  LinearProblem problem(int64_t M, int64_t N) const {
    const Case &c = GetParam();
    ActivationRow input{c.group ? kInt8 : kBf16, c.K, c.group};
    return LinearProblem::create(c.format, input, M, N, unsigned(M));
  }

  std::shared_ptr<KernelLibrary> compile(const CpuTarget &target,
                                         Tiles tiles) const {
    LinearProblem p = problem(1, 16);
    p.spec.decoding = GetParam().decoding;
    auto library = KernelLibrary::create(target, {p.source(target)}, tiles);
    EXPECT_TRUE(library.isOk()) << library.status().message();
    return library ? *library : nullptr;
  }

  std::shared_ptr<KernelLibrary> kernel;
};

class TileKernel : public TileTest {};

/// 16 rows at a time and what is left, to the bit what the portable kernel has.
TEST_P(TileKernel, HasTheBitsOfThePortableKernel) {
  auto plain = compile(*lookupCpuTarget("portable"), Tiles::Native);
  ASSERT_TRUE(plain);
  for (auto [M, N] : {std::pair(1, 16), std::pair(16, 33), std::pair(35, 17)}) {
    LinearProblem p = problem(M, N);
    std::vector<float> result = p.run(*kernel, 1);
    p.expectClose(result);
    EXPECT_TRUE(result == p.run(*plain, 1)) << "M=" << M;
    p.input.expectIntact();
  }
}

const Case kPairCases[] = {
    {"bf16", 96, 0},
    {"q4_0", 96, 0},
    {"q4_k", 256, 0},
    {"nf4", 128, 0},
    {"fp8_channel", 100, 0},          // a depth of no whole tile
    {"i5 [1, 28], scale f16", 84, 0}, // chunks of seven steps
    {"bf16", 700, 0, Decoding::Once},
    {"q6_k", 768, 0, Decoding::Once},
};

class PairTileKernel : public TileTest {};

/// Close to the exact product, and a row at a time the same as 16 at once.
TEST_P(PairTileKernel, MultipliesRowsAloneAndTogether) {
  for (auto [M, N] : {std::pair(1, 16), std::pair(16, 33), std::pair(23, 17)}) {
    LinearProblem p = problem(M, N);
    std::vector<float> result = p.run(*kernel, 1);
    p.expectClose(result);
    LinearProblem one = p;
    one.M = 1;
    for (int64_t m = 0; m < M; ++m) {
      std::memcpy(one.input.rowBytes(0), p.input.rowBytes(m),
                  p.spec.input.stride());
      std::vector<float> row(&result[m * N], &result[m * N] + N);
      EXPECT_TRUE(row == one.run(*kernel, 1)) << "row " << m << " of " << M;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, PairTileKernel,
                         testing::ValuesIn(kPairCases));
INSTANTIATE_TEST_SUITE_P(Formats, TileKernel, testing::ValuesIn(kCases));

} // namespace
