// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The reference's operations against numbers worked out by hand.

#include "quern/Reference/Math.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace quern;
using namespace quern::reference;

static Tensor reals(Tensor::Shape shape, std::vector<float> values) {
  return Tensor::ofReals(std::move(shape), std::move(values));
}

static std::vector<float> valuesOf(const Result<Tensor> &tensor) {
  EXPECT_TRUE(tensor) << tensor.status().message();
  if (!tensor)
    return {};
  return {tensor->values().begin(), tensor->values().end()};
}

TEST(EmbeddingTest, PicksRows) {
  Tensor tokens = Tensor::ofInts({3}, {2, 0, 2});
  Tensor table = reals({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(valuesOf(embedding(tokens, table)),
            (std::vector<float>{5, 6, 1, 2, 5, 6}));
}

TEST(EmbeddingTest, RefusesTokensOutsideTheTable) {
  Tensor table = reals({3, 1}, {1, 2, 3});
  for (int32_t token : {-1, 3}) {
    Result<Tensor> result = embedding(Tensor::ofInts({1}, {token}), table);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.status().message(),
              "expects tokens below 3, but got " + std::to_string(token));
  }
}

TEST(LinearTest, MultipliesByTheTransposedWeightAndAddsTheBias) {
  Tensor x = reals({2, 3}, {1, 2, 3, -1, 0, 1});
  Tensor w = reals({2, 3}, {1, 1, 1, 2, 0, -1});
  Tensor bias = reals({2}, {10, 20});
  EXPECT_EQ(valuesOf(linear(x, w, nullptr, nullptr)),
            (std::vector<float>{6, -1, 0, -3}));
  EXPECT_EQ(valuesOf(linear(x, w, &bias, nullptr)),
            (std::vector<float>{16, 19, 10, 17}));
}

TEST(LinearTest, SumsEveryRowInTheOrderOfK) {
  // 21 rows: one whole block and a partial one.
  const int64_t rows = 21, depth = 37, outputs = 5;
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> x(rows * depth), w(outputs * depth);
  for (std::vector<float> *part : {&x, &w})
    for (float &value : *part)
      value = normal(random);
  std::vector<float> expected;
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < outputs; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < depth; ++k)
        sum += double(x[m * depth + k]) * w[n * depth + k];
      expected.push_back(float(sum));
    }
  EXPECT_EQ(valuesOf(linear(reals({rows, depth}, x), reals({outputs, depth}, w),
                            nullptr, nullptr)),
            expected);
}

TEST(LinearTest, RoundsOperandsWhenAsked) {
  // bf16 keeps 8 bits: 1 + 2^-8 is halfway and goes to even, that is to 1.
  Tensor x = reals({1, 2}, {1.00390625f, 3});
  Tensor w = reals({1, 2}, {256, 1.00390625f});
  EXPECT_EQ(valuesOf(linear(x, w, nullptr, nullptr)),
            (std::vector<float>{260.01171875f}));
  EXPECT_EQ(valuesOf(linear(x, w, nullptr, numerics::lookupFloatType("bf16"))),
            (std::vector<float>{259}));
}

TEST(LinearTest, RefusesRowsOfAnotherLength) {
  Result<Tensor> result =
      linear(reals({1, 2}, {1, 2}), reals({1, 3}, {1, 2, 3}), nullptr, nullptr);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.status().message(),
            "expects an input with rows of 3 real numbers, but got shape "
            "[1, 2]");
}

TEST(RmsNormTest, NormalisesEachRow) {
  Tensor x = reals({2, 2}, {3, 4, 0, 2});
  Tensor weight = reals({2}, {1, 2});
  std::vector<float> y = valuesOf(rmsNorm(x, weight, 0, 2, 0));
  // The mean squares are 12.5 and 2.
  EXPECT_FLOAT_EQ(y[0], 3 / std::sqrt(12.5));
  EXPECT_FLOAT_EQ(y[1], 8 / std::sqrt(12.5));
  EXPECT_FLOAT_EQ(y[2], 0);
  EXPECT_FLOAT_EQ(y[3], 4 / std::sqrt(2.0));
}

TEST(RmsNormTest, AddsEpsUnderTheRoot) {
  EXPECT_EQ(valuesOf(rmsNorm(reals({1, 1}, {3}), reals({1}, {1}), 16, 1, 0)),
            (std::vector<float>{0.6f}));
}

TEST(RmsNormTest, NormalisesEachGroup) {
  Tensor x = reals({1, 4}, {3, 4, 0, 2});
  Tensor weight = reals({2}, {1, 2});
  Tensor flat = reals({2, 2}, {3, 4, 0, 2});
  EXPECT_EQ(valuesOf(rmsNorm(x, weight, 0, 2, 0)),
            valuesOf(rmsNorm(flat, weight, 0, 2, 0)));
}

TEST(RmsNormTest, AddsTheOffsetToTheWeight) {
  EXPECT_EQ(valuesOf(rmsNorm(reals({1, 1}, {3}), reals({1}, {0.5}), 0, 1, 1)),
            (std::vector<float>{1.5f}));
}

TEST(LayerNormTest, ShiftsAndScalesEachRow) {
  // Means 4 and -1, variances 9 and 4.
  Tensor x = reals({2, 2}, {1, 7, 1, -3});
  Tensor weight = reals({2}, {1, 2}), bias = reals({2}, {0.5, -1});
  EXPECT_EQ(valuesOf(layerNorm(x, weight, &bias, 0)),
            (std::vector<float>{-0.5f, 1, 1.5f, -3}));
  EXPECT_EQ(valuesOf(layerNorm(x, weight, nullptr, 7)),
            (std::vector<float>{-0.75f, 1.5f, float(2 / std::sqrt(11)),
                                float(-4 / std::sqrt(11))}));
}

TEST(AddPositionsTest, AddsRowsOfTheTable) {
  Tensor table = reals({3, 1}, {9, 10, 20}), x = reals({2, 1}, {1, 2});
  EXPECT_EQ(valuesOf(addPositions(x, table, 1)), (std::vector<float>{11, 22}));
  EXPECT_EQ(addPositions(x, table, 2).status().message(),
            "expects positions below 3, the rows of the table, but got 3");
}

TEST(RopeTableTest, HoldsCosinesThenSines) {
  const std::vector<float> frequencies = {float(M_PI / 2), 0.5f};
  std::vector<float> y = valuesOf(ropeTable(1, 2, frequencies, 1));
  // The angles are pi/2 and 0.5, then pi and 1.
  std::vector<double> expected = {0,  std::cos(0.5), 1, std::sin(0.5),
                                  -1, std::cos(1),   0, std::sin(1)};
  ASSERT_EQ(y.size(), expected.size());
  for (size_t i = 0; i < y.size(); ++i)
    EXPECT_NEAR(y[i], expected[i], 2e-7) << i;
}

TEST(RopeTest, TurnsPairsOfHalves) {
  // Row 1 turns the first pair by a right angle and the second one not at all;
  // row 2 turns the first pair by two right angles.
  Tensor table = reals({3, 4}, {9, 9, 9, 9, 0, 1, 1, 0, -1, 1, 0, 0});
  // Two heads of 4.
  Tensor x = reals({2, 8}, {1, 2, 3, 4, 0, 0, 1, 0, 1, 2, 3, 4, 0, 0, 1, 0});
  EXPECT_EQ(valuesOf(rope(x, 4, table, 1)),
            (std::vector<float>{-3, 2, 1, 4, -1, 0, 0, 0, //
                                -1, 2, -3, 4, 0, 0, -1, 0}));
  Result<Tensor> result = rope(x, 4, table, 2);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.status().message(),
            "expects positions below 3, the rows of the table, but got 3");
}

TEST(HadamardTest, TransformsEachGroup) {
  // Two groups of 4, divided by sqrt(4); a basis vector gives a row of signs.
  Tensor x = reals({1, 8}, {1, 2, 3, 4, 0, 0, 0, 2});
  EXPECT_EQ(valuesOf(hadamard(x, 4)),
            (std::vector<float>{5, -1, -2, 0, 1, -1, -1, 1}));
  EXPECT_EQ(valuesOf(hadamard(*hadamard(x, 4), 4)), valuesOf(x));
  EXPECT_EQ(valuesOf(hadamard(x, 1)), valuesOf(x));
  Result<Tensor> result = hadamard(x, 16);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.status().message(),
            "expects rows that groups of 16 divide, but got shape [1, 8]");
}

TEST(AddTest, AddsAndRefusesOtherShapes) {
  EXPECT_EQ(valuesOf(add(reals({1, 2}, {1, 2}), reals({1, 2}, {3, -5}))),
            (std::vector<float>{4, -3}));
  Result<Tensor> result = add(reals({1, 2}, {1, 2}), reals({2, 1}, {3, 4}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.status().message(),
            "expects operands of one shape, but got [1, 2] and [2, 1]");
}

TEST(GatedActivationTest, MultipliesByUp) {
  // silu(ln 3) = ln 3 * 3/4.
  Tensor gate = reals({1, 2}, {std::log(3.0f), 0});
  Tensor up = reals({1, 2}, {4, 5});
  std::vector<float> y =
      valuesOf(gatedActivation(lookupActivation("silu"), gate, up));
  ASSERT_EQ(y.size(), 2u);
  EXPECT_FLOAT_EQ(y[0], 3 * std::log(3.0f));
  EXPECT_EQ(y[1], 0);
}

TEST(GatedActivationTest, KnowsTheActivationsByName) {
  // Abramowitz and Stegun, table 26.1: the normal distribution below 1.
  EXPECT_NEAR(lookupActivation("gelu")(1), 0.841344746068543, 1e-12);
  EXPECT_NEAR(lookupActivation("gelu")(-1), 0.841344746068543 - 1, 1e-12);
  // (1 + tanh(0.7978845608 * 1.044715)) / 2.
  EXPECT_NEAR(lookupActivation("gelu_tanh")(1), 0.841191990608, 1e-9);
  EXPECT_DOUBLE_EQ(lookupActivation("silu")(0), 0);
}

TEST(SoftcapTest, BendsWhatIsLarge) {
  // tanh(ln 2) = 3/5.
  Tensor x = reals({1, 3}, {float(2 * M_LN2), 0, -1000});
  std::vector<float> y = valuesOf(softcap(x, 2));
  EXPECT_FLOAT_EQ(y[0], 1.2f);
  EXPECT_EQ(y[1], 0);
  EXPECT_EQ(y[2], -2);
}

TEST(ScaleTest, Multiplies) {
  EXPECT_EQ(valuesOf(scale(reals({1, 2}, {1, -3}), 2.5f)),
            (std::vector<float>{2.5f, -7.5f}));
}

TEST(LastRowsTest, KeepsTheTail) {
  Tensor x = reals({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(valuesOf(lastRows(x, 2)), (std::vector<float>{3, 4, 5, 6}));
  EXPECT_EQ(valuesOf(lastRows(x, 0)), std::vector<float>{});
  Result<Tensor> result = lastRows(x, 4);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.status().message(), "expects at most 3 rows, but got 4");
}
