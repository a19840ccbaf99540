// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The KV cache and attention against numbers worked out by hand.

#include "quern/Reference/KVCache.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace quern;
using namespace quern::reference;

static Tensor reals(Tensor::Shape shape, std::vector<float> values) {
  return Tensor::ofReals(std::move(shape), std::move(values));
}

static KVCache makeCache(int64_t heads, int64_t headDim,
                         const char *element = "f32") {
  return KVCache(/*layers=*/1, heads, headDim,
                 *numerics::FormatRegistry::builtin().resolve(element));
}

TEST(KVCacheTest, RoundsToItsElementType) {
  KVCache cache = makeCache(1, 1, "f16");
  // f16 keeps 11 bits: 2049 is halfway between 2048 and 2050, and goes to even.
  Tensor k = reals({1, 1}, {2049}), v = reals({1, 1}, {2051});
  ASSERT_TRUE(cache.append(0, 0, k, v));
  EXPECT_EQ(*cache.key(0, 0, 0), 2048);
  EXPECT_EQ(*cache.value(0, 0, 0), 2052);
}

TEST(KVCacheTest, CodesEachHeadOnItsOwn) {
  KVCache cache = makeCache(/*heads=*/2, /*headDim=*/2, "i4 [1, 2], scale f32");
  // Scales are the largest magnitude over 7: 2 in the first head, 1 in the
  // second; ties go to even.
  Tensor k = reals({1, 4}, {14, 3, 7, 2.5});
  Tensor v = reals({1, 4}, {-14, 5, 7, 3.5});
  ASSERT_TRUE(cache.append(0, 0, k, v));
  EXPECT_EQ(cache.key(0, 0, 0)[1], 4);
  EXPECT_EQ(cache.key(0, 0, 1)[1], 2);
  EXPECT_EQ(cache.value(0, 0, 0)[0], -14);
  EXPECT_EQ(cache.value(0, 0, 0)[1], 4);
  EXPECT_EQ(cache.value(0, 0, 1)[1], 4);
  Tensor odd = reals({1, 4}, {1, 2, 3, NAN});
  EXPECT_EQ(cache.append(0, 1, k, odd).message(),
            "values: expects finite values, but got NaN in row 1, column 1");
  EXPECT_EQ(cache.length(0), 1);
}

TEST(KVCacheTest, AppendForgetsWhatFollowedThePosition) {
  KVCache cache = makeCache(1, 1);
  Tensor three = reals({3, 1}, {1, 2, 3}), one = reals({1, 1}, {9});
  ASSERT_TRUE(cache.append(0, 0, three, three));
  ASSERT_TRUE(cache.append(0, 1, one, one));
  EXPECT_EQ(cache.length(0), 2);
  EXPECT_EQ(*cache.key(0, 0, 0), 1);
  EXPECT_EQ(*cache.key(0, 1, 0), 9);
}

TEST(KVCacheTest, RefusesGapsAndUnknownLayers) {
  KVCache cache = makeCache(1, 1);
  Tensor one = reals({1, 1}, {9});
  EXPECT_EQ(cache.append(0, 1, one, one).message(),
            "expects a position of at most 0, the tokens held, but got 1");
  EXPECT_EQ(cache.append(1, 0, one, one).message(),
            "expects a layer below 1, but got 1");
  Tensor wide = reals({1, 2}, {1, 2});
  EXPECT_EQ(cache.append(0, 0, wide, wide).message(),
            "expects keys and values with rows of 1, but got [1, 2] and "
            "[1, 2]");
}

TEST(AttentionTest, IsCausal) {
  KVCache cache = makeCache(1, 1);
  // Equal keys: every visible value weighs the same.
  ASSERT_TRUE(
      cache.append(0, 0, reals({3, 1}, {0, 0, 0}), reals({3, 1}, {1, 3, 8})));
  Result<Tensor> y = attention(reals({3, 1}, {1, 1, 1}), cache, 0, 0, {1});
  ASSERT_TRUE(y) << y.status().message();
  EXPECT_FLOAT_EQ(y->values()[0], 1);
  EXPECT_FLOAT_EQ(y->values()[1], 2);
  EXPECT_FLOAT_EQ(y->values()[2], 4);
}

TEST(AttentionTest, WindowHidesOldTokens) {
  KVCache cache = makeCache(1, 1);
  ASSERT_TRUE(
      cache.append(0, 0, reals({3, 1}, {0, 0, 0}), reals({3, 1}, {1, 3, 8})));
  Result<Tensor> y =
      attention(reals({1, 1}, {1}), cache, 0, 2, {1, /*window=*/2});
  ASSERT_TRUE(y) << y.status().message();
  EXPECT_FLOAT_EQ(y->values()[0], 5.5);
}

TEST(AttentionTest, WeighsByTheSoftmaxOfScaledScores) {
  KVCache cache = makeCache(1, 2);
  // Scores 2 * (1 * ln 3) * 0.5 = ln 3 and 0: weights 3/4 and 1/4.
  ASSERT_TRUE(cache.append(0, 0, reals({2, 2}, {std::log(3.0f), 5, 0, 7}),
                           reals({2, 2}, {4, 8, 0, -8})));
  Result<Tensor> y = attention(reals({1, 2}, {2, 0}), cache, 0, 1, {0.5});
  ASSERT_TRUE(y) << y.status().message();
  EXPECT_FLOAT_EQ(y->values()[0], 3);
  EXPECT_FLOAT_EQ(y->values()[1], 4);
}

TEST(AttentionTest, SoftcapBendsScores) {
  KVCache cache = makeCache(1, 1);
  // Scores 8 and 0, of which cap * tanh(8 / cap) = ln 3 and 0 are left.
  double cap = std::log(3.0) / std::tanh(8.0 / 1.1), step = 1;
  for (int i = 0; i < 100; ++i, step = std::log(3.0) / std::tanh(8 / cap))
    cap = step;
  ASSERT_TRUE(cache.append(0, 0, reals({2, 1}, {4, 0}), reals({2, 1}, {4, 0})));
  Result<Tensor> y =
      attention(reals({1, 1}, {1}), cache, 0, 1, {2, /*window=*/0, cap});
  ASSERT_TRUE(y) << y.status().message();
  EXPECT_FLOAT_EQ(y->values()[0], 3);
}

TEST(AttentionTest, QueryHeadsShareKeyHeadsInRuns) {
  KVCache cache = makeCache(/*heads=*/2, /*headDim=*/1);
  ASSERT_TRUE(cache.append(0, 0, reals({1, 2}, {0, 0}), reals({1, 2}, {5, 6})));
  Result<Tensor> y = attention(reals({1, 4}, {1, 1, 1, 1}), cache, 0, 0, {1});
  ASSERT_TRUE(y) << y.status().message();
  EXPECT_EQ(std::vector<float>(y->values().begin(), y->values().end()),
            (std::vector<float>{5, 5, 6, 6}));
}

TEST(AttentionTest, RefusesTokensThatTheCacheDoesNotHold) {
  KVCache cache = makeCache(1, 1);
  Result<Tensor> y = attention(reals({1, 1}, {1}), cache, 0, 0, {1});
  ASSERT_FALSE(y);
  EXPECT_EQ(y.status().message(),
            "expects a cache that holds 1 tokens, but got 0");
}
