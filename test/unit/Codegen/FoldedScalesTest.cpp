// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which integer scales are multiplied into codes.

#include "FoldedScales.h"
#include "LinearProblem.h"

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;
using namespace quern::numerics;

namespace {

/// Codes times scales of `format` beside activations with a scale for `group`
/// of 512 columns.
std::optional<IntegerElement> foldedOf(const std::string &format,
                                       int64_t group = 128) {
  LinearProblem p =
      LinearProblem::create(format, {kInt8, 512, group}, 1, 16, 1);
  auto shape = PanelShape::create(p.spec.weight, p.spec.layout, 512);
  EXPECT_TRUE(shape.isOk()) << shape.status().message();
  return foldedElement(p.spec, *shape);
}

bool sumsOffsetsOf(const std::string &format, int64_t group = 128) {
  LinearProblem p =
      LinearProblem::create(format, {kInt8, 512, group}, 1, 16, 1);
  auto shape = PanelShape::create(p.spec.weight, p.spec.layout, 512);
  EXPECT_TRUE(shape.isOk()) << shape.status().message();
  return hasIntegerOffsets(p.spec, *shape);
}

bool foldsOn(const char *isa, const std::string &format) {
  LinearProblem p = LinearProblem::create(format, {kInt8, 512, 128}, 1, 16, 1);
  auto shape = PanelShape::create(p.spec.weight, p.spec.layout, 512);
  EXPECT_TRUE(shape.isOk()) << shape.status().message();
  return foldsWhenDecoding(p.spec, *shape, *lookupCpuTarget(isa));
}

TEST(FoldedScales, ProductsThatFitABytePassWithTheirRange) {
  auto two = foldedOf("u2 [1, 16], scale (u4 [1, 16], scale f16)");
  ASSERT_TRUE(two); // 0 to 3 * 15
  EXPECT_EQ(two->bias, 0);
  EXPECT_EQ(two->bits, 6u);
  auto three = foldedOf("i3 [1, 16], scale (i6 [1, 16], scale f16)");
  ASSERT_TRUE(three); // -4 * 31 to -4 * -32
  EXPECT_EQ(three->bias, 124);
  EXPECT_EQ(three->bits, 8u);
  auto halves = foldedOf("f4E2M1FN [1, 16], scale (u3 [1, 16], scale f16)");
  ASSERT_TRUE(halves); // halves from -12 * 7 to 12 * 7
  EXPECT_EQ(halves->bias, 84);
  EXPECT_EQ(halves->shift, 1);
}

TEST(FoldedScales, IntegerOffsetsPass) {
  EXPECT_TRUE(foldedOf("q2_k"));
  EXPECT_TRUE(foldedOf("u2 [1, 16], scale (u4 [1, 16], scale f16), "
                       "add (i4 [1, 16], scale f16)"));
}

TEST(FoldedScales, WhatIsNotExactOrDoesNotFitDoesNotPass) {
  EXPECT_FALSE(foldedOf("q4_k")); // 15 * 63
  EXPECT_FALSE(foldedOf("q6_k"));
  EXPECT_FALSE(foldedOf("q4_0")); // one level
  EXPECT_FALSE(foldedOf("u2 [1, 16], scale (f8E4M3FN [1, 16], scale f16)"));
  EXPECT_FALSE(foldedOf("u2 [1, 16], scale (u4 [1, 4], scale f16)")); // 64
  EXPECT_FALSE(foldedOf("q2_k", /*group=*/16)); // one block to a span
  // Offsets that are no integers, or of other blocks.
  EXPECT_FALSE(foldedOf("u2 [1, 16], scale (u4 [1, 16], scale f16), min f16"));
  EXPECT_FALSE(foldedOf("u2 [1, 16], scale (u4 [1, 16], scale f16), zero u2"));
}

TEST(FoldedScales, OffsetsAreSummedByIntegersWhateverScalesAre) {
  EXPECT_TRUE(sumsOffsetsOf("q2_k"));
  EXPECT_TRUE(sumsOffsetsOf("q4_k"));
  EXPECT_TRUE(sumsOffsetsOf("q5_k"));
  EXPECT_TRUE(sumsOffsetsOf("u4 [1, 32], scale f16, "
                            "add (i4 [1, 4], scale f16)"));
  EXPECT_FALSE(sumsOffsetsOf("q4_1"));               // no integers
  EXPECT_FALSE(sumsOffsetsOf("q4_0"));               // none
  EXPECT_FALSE(sumsOffsetsOf("q4_k", /*group=*/32)); // one block to a span
  EXPECT_FALSE(sumsOffsetsOf("u4 [1, 32], scale f16, "
                             "min (u6 [1, 2], scale f16)")); // 64 columns
}

TEST(FoldedScales, EightBitsAreFoldedWhereOneProductTakesThem) {
  EXPECT_TRUE(foldsOn("avx512", "q2_k"));
  EXPECT_TRUE(foldsOn("avx512", "q3_k"));
  EXPECT_TRUE(foldsOn("avx2", "q2_k"));
  EXPECT_FALSE(foldsOn("avx2", "q3_k"));
  EXPECT_TRUE(foldsOn("neon", "q3_k"));
  EXPECT_FALSE(foldsOn("portable", "q2_k"));
}

} // namespace
