// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Codes and bytes of the reference's tensors.

#include "quern/Reference/Quantize.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace quern;
using namespace quern::reference;

static numerics::Format format(const std::string &text) {
  Result<numerics::Format> result =
      numerics::FormatRegistry::builtin().resolve(text);
  EXPECT_TRUE(result) << result.status().message();
  return *result;
}

static std::vector<float> valuesOf(const Tensor &tensor) {
  return {tensor.values().begin(), tensor.values().end()};
}

TEST(QuantizeTest, KeepsCodesAndTheNumbersTheyStandFor) {
  Tensor x = Tensor::ofReals({1, 4}, {3.5, 1.2f, -1.25, 0});
  Result<Tensor> q = quantize(x, format("i4 [1, 4], scale f16"));
  ASSERT_TRUE(q) << q.status().message();
  EXPECT_EQ(valuesOf(*q), (std::vector<float>{3.5, 1, -1, 0}));
  EXPECT_EQ(q->coded()->planes.at("code").codes,
            (std::vector<int32_t>{7, 2, -2, 0}));
  EXPECT_EQ(q->shape(), x.shape());
}

TEST(QuantizeTest, RefusesWhatDoesNotFit) {
  Tensor row = Tensor::ofReals({1, 3}, {1, 2, 3});
  EXPECT_FALSE(quantize(row, format("i4 [1, 2], scale f16")));
  Tensor vector = Tensor::ofReals({2}, {1, 2});
  EXPECT_EQ(quantize(vector, format("i4 [1, 2], scale f16")).status().message(),
            "expects a matrix of real numbers, but got shape [2]");
  EXPECT_EQ(quantize(row, format("f32"), "magic").status().message(),
            "expects solver 'rtn' or 'mse', but got 'magic'");
}

TEST(QuantizeTest, SearchLowersTheError) {
  // The rule's scale of 1 leaves errors of 0.4 in three places; a scale a
  // little larger or smaller spreads them.
  Tensor x = Tensor::ofReals({1, 4}, {7, 3.4f, 3.4f, 3.4f});
  auto errorOf = [&](const std::string &solver) {
    Result<Tensor> q = quantize(x, format("i4 [1, 4], scale f32"), solver);
    EXPECT_TRUE(q) << q.status().message();
    double sum = 0;
    for (size_t i = 0; i < 4; ++i)
      sum += std::pow(q->values()[i] - x.values()[i], 2);
    return sum;
  };
  EXPECT_LT(errorOf("mse"), errorOf("rtn"));
}

TEST(PackTest, UnpackInvertsPackInEveryLayout) {
  numerics::Format coded = format("q4_0");
  std::vector<float> values;
  for (int i = 0; i < 3 * 64; ++i)
    values.push_back(float((i * 37) % 101 - 50));
  Result<Tensor> q = quantize(Tensor::ofReals({3, 64}, values), coded);
  ASSERT_TRUE(q) << q.status().message();
  for (const numerics::Layout &layout :
       {*numerics::lookupLayout("q4_0"),
        numerics::makeDenseLayout(coded, 3, 64)}) {
    Result<Tensor> bytes = pack(*q, layout);
    ASSERT_TRUE(bytes) << bytes.status().message();
    EXPECT_EQ(bytes->size(), numerics::layoutBytes(layout, 3, 64));
    Result<Tensor> back = unpack(*bytes, layout, coded, 3, 64);
    ASSERT_TRUE(back) << back.status().message();
    EXPECT_EQ(valuesOf(*back), valuesOf(*q));
  }
}

TEST(RoundToTest, GoesToTheEvenNeighbour) {
  const numerics::FloatType &bf16 = *numerics::lookupFloatType("bf16");
  EXPECT_EQ(roundTo(bf16, 1.00390625f), 1);
  EXPECT_EQ(roundTo(bf16, 1.01171875f), 1.015625f);
  const numerics::FloatType &e4m3 = *numerics::lookupFloatType("f8E4M3FN");
  EXPECT_EQ(roundTo(e4m3, -17), -16);
  EXPECT_EQ(roundTo(e4m3, -19), -20);
}
