// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Kernels of formats that nobody named, against a double-precision
// product of what numerics::decodeRows gives, and one another.

#include "LinearProblem.h"
#include "Numerics/RandomFormat.h"
#include "quern/Codegen/CPU/Kernels.h"
#include "quern/Numerics/IntegerElement.h"
#include <cstdlib>
#include <numeric>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;
using namespace quern::numerics;

namespace {

/// Kernels take seconds to compile; QUERN_SLOW=1 draws many.
const unsigned formatCount = std::getenv("QUERN_SLOW") ? 200 : 10;

RandomFormat drawn(unsigned seed) {
  return FormatGenerator(seed, FormatGenerator::Reach::Kernels).draw();
}

/// Columns of an activation that share a scale beside weights of `format`.
int64_t activationGroup(const Format &format, int64_t cols) {
  return std::gcd(format.block.cols ? format.block.cols : cols, cols);
}

LinearProblem problemOf(const RandomFormat &source, ActivationRow::Kind kind,
                        int64_t M, unsigned seed) {
  Format format = *parseFormat(source.text, FormatRegistry::builtin());
  int64_t group = activationGroup(format, source.cols);
  return LinearProblem::create(source.text, {kind, source.cols, group}, M,
                               source.rows, seed);
}

/// The kernel of `p` on all instruction sets, by one worker and by three.
void expectSameEverywhere(const LinearProblem &p) {
  std::vector<float> first;
  for (const CpuTarget *target : runnableTargets()) {
    SCOPED_TRACE(target->isa);
    auto library = KernelLibrary::create(*target, {p.source(*target)});
    ASSERT_TRUE(library.isOk()) << library.status().message();
    std::vector<float> result = p.run(**library, 1);
    p.expectClose(result);
    EXPECT_TRUE(result == p.run(**library, 3)) << "workers change results";
    if (first.empty())
      first = result;
    if (p.spec.input.kind == kInt8)
      EXPECT_TRUE(first == result) << "instruction sets differ";
  }
}

/// Rows of the weight of `p`, gathered, are those of decodeRows, bit for bit.
void expectRowsAsDecoded(const LinearProblem &p) {
  KernelSource source = {"embedding", [&p](KernelBuilder &builder) {
                           return emitEmbeddingKernel(builder, "embedding",
                                                      p.spec.weight,
                                                      p.spec.layout, p.depth());
                         }};
  std::vector<int32_t> tokens = {int32_t(p.N - 1), 0, int32_t(p.N / 2)};
  RowBuffer expected(floatRow(p.depth()), tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i)
    std::copy_n(&p.decoded[tokens[i] * p.depth()], p.depth(),
                expected.floats(i));
  const uint8_t *at[4] = {};
  for (size_t i = 0; i < p.spec.layout.segments.size(); ++i)
    at[i] = p.weights.data() + segmentOffset(p.spec.layout, i, p.N, p.depth());
  for (auto &[target, library] : compileForAllTargets({source})) {
    SCOPED_TRACE(target->isa);
    RowBuffer y(floatRow(p.depth()), tokens.size());
    library->call("embedding", tokens.data(), y.data(), int64_t(tokens.size()),
                  int64_t(0), int64_t(1), at[0], at[1], at[2], at[3]);
    EXPECT_TRUE(y == expected);
    y.expectIntact();
  }
}

class RandomKernel : public testing::TestWithParam<unsigned> {};

TEST_P(RandomKernel, Float32Activations) {
  RandomFormat source = drawn(GetParam());
  SCOPED_TRACE(source.text);
  expectSameEverywhere(problemOf(source, kF32, 5, GetParam()));
}

TEST_P(RandomKernel, Embedding) {
  RandomFormat source = drawn(GetParam());
  SCOPED_TRACE(source.text);
  expectRowsAsDecoded(problemOf(source, kF32, 1, GetParam()));
}

class RandomKernelInt8 : public RandomKernel {};

TEST_P(RandomKernelInt8, Int8Activations) {
  RandomFormat source = drawn(GetParam());
  SCOPED_TRACE(source.text);
  expectSameEverywhere(problemOf(source, kInt8, 5, GetParam()));
}

/// The seeds of formats that have an integer mode.
std::vector<unsigned> integerSeeds() {
  std::vector<unsigned> seeds;
  for (unsigned seed = 0; seed < formatCount; ++seed) {
    RandomFormat source = drawn(seed);
    Format format = *parseFormat(source.text, FormatRegistry::builtin());
    if (allowsIntegerProducts(format) &&
        activationGroup(format, source.cols) % 4 == 0)
      seeds.push_back(seed);
  }
  return seeds;
}

INSTANTIATE_TEST_SUITE_P(Drawn, RandomKernel, testing::Range(0u, formatCount));
INSTANTIATE_TEST_SUITE_P(Drawn, RandomKernelInt8,
                         testing::ValuesIn(integerSeeds()));

} // namespace
