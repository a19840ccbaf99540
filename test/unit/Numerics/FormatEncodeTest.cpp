// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding of matrices by the formats' own rules: special values,
// threads, instruction sets.

#include "EncodeTestUtil.h"
#include "quern/Numerics/Encode.h"
#include "quern/Numerics/EncodeTensor.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace quern;
using namespace quern::numerics;

TEST(EncodeRows, ValuesWorkedOutByHand) {
  // int4, scale amax / 7 = 1: codes are the rounded values.
  std::vector<float> x = {7, -7, 2.4f, -2.6f};
  EXPECT_EQ(through(format("i4 [4], scale f32"), x, 1, 4),
            (std::vector<float>{7, -7, 2, -3}));
  // u2 over [-1, 2]: scale 1, zero point 1.
  x = {-1, 2, 0.4f, 1.2f};
  EXPECT_EQ(through(format("u2 [4], scale f32, zero u2"), x, 1, 4),
            (std::vector<float>{-1, 2, 0, 1}));
  EXPECT_EQ(through(format("u2 [4], scale f32, min f32"), x, 1, 4),
            (std::vector<float>{-1, 2, 0, 1}));
  EXPECT_EQ(through(format("i2 [4], scale f32, add f32"), x, 1, 4),
            (std::vector<float>{-1, 2, 0, 1}));
  // Scales 1 and 2 of a pair of blocks, as multiples of 2 / 3: 1 becomes 4/3.
  x = {1, 1, 2, 2};
  std::vector<float> nested = through(
      format("u1 [2], scale (u2 [2], scale f32) from amax / 1"), x, 1, 4);
  EXPECT_FLOAT_EQ(nested[0], 4.0f / 3);
  EXPECT_FLOAT_EQ(nested[2], 2);
  // The largest magnitude is negative and lands on -8, so 8 would be +8 -> 7.
  x = {-16, 16, 1, 0};
  EXPECT_EQ(through(format("i4 [4], scale f16 from max / -8"), x, 1, 4),
            (std::vector<float>{-16, 14, 0, 0}));
}

TEST(EncodeRows, EveryShippedFormatKeepsZerosAndStaysFinite) {
  for (const std::string &name : FormatRegistry::builtin().names()) {
    Format f = format(name);
    std::vector<float> zeros(128 * 512);
    for (float x : through(f, zeros, 128, 512))
      ASSERT_EQ(x, 0) << name;
    // Sizes that overflow or vanish in the scales of some formats.
    for (float size : {1e-42f, 1e-30f, 1e30f, 1e38f}) {
      std::vector<float> x = normalValues(128 * 512);
      for (float &value : x)
        value = std::max(-1.0f, std::min(1.0f, value)) * size;
      for (float value : through(f, x, 128, 512))
        ASSERT_TRUE(std::isfinite(value)) << name << " at " << size;
    }
  }
}

TEST(EncodeRows, NanAndInfinityAreNamed) {
  std::vector<float> x(64);
  x[37] = NAN;
  EncodeOptions options;
  options.firstRow = 100;
  EXPECT_EQ(encodeRows(format("q4_0"), x, 2, 32, options).status().message(),
            "expects finite values, but got NaN in row 101, column 5");
  EXPECT_FALSE(encodeRows(format("f16"), x, 2, 32));
  x[37] = -INFINITY;
  EXPECT_EQ(encodeRows(format("q4_0"), x, 2, 32).status().message(),
            "expects finite values, but got infinity in row 1, column 5");
  EXPECT_EQ(through(format("bf16"), x, 2, 32)[37], -INFINITY);
  EXPECT_EQ(through(format("f8E4M3FN"), x, 2, 32)[37], -448);
}

TEST(EncodeRows, ArgumentsThatDoNotFit) {
  std::vector<float> x(64), weights(31);
  EXPECT_EQ(encodeRows(format("q4_0"), x, 2, 31).status().message(),
            "expects columns divisible by 32 (one 'scale' a block), but got "
            "31");
  EXPECT_EQ(encodeRows(format("q4_0"), x, 1, 32).status().message(),
            "expects 32 values, but got 64");
  EncodeOptions options;
  options.columnWeights = weights;
  EXPECT_EQ(encodeRows(format("q4_0"), x, 2, 32, options).status().message(),
            "expects 32 column weights, but got 31");
}

/// Matrices are coded several elements at a time; one at a time is the
/// definition.
TEST(EncodeRows, CodesAreThoseOfSingleElements) {
  ScalarValues v;
  std::vector<std::string> texts = floatTypeNames();
  for (const char *text : {"i8", "i5, round away", "u7, round up",
                           "codebook @nf4", "i4, round up", "i16"})
    texts.push_back(text);
  std::mt19937 random(9);
  for (const std::string &text : texts) {
    Format f = format(text);
    const int64_t count = 4099; // no multiple of a vector's lanes
    std::vector<float> x;
    while (int64_t(x.size()) < count) {
      // Random bits reach every exponent; halves are ties.
      float bits = v.bitcastF(int32_t(random()));
      if (std::isfinite(bits))
        x.push_back(x.size() % 3 ? bits
                                 : float(int32_t(random() % 600)) / 2 - 150);
    }
    Result<CodedTensor> coded = encodeRows(f, x, 1, count);
    ASSERT_TRUE(coded) << coded.status().message();
    const std::vector<int32_t> &codes = coded->planes["code"].codes;
    std::vector<float> decoded = decodeRows(f, *coded);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(codes[i], encodeElement(v, f.element, f.codeRounding, x[i]))
          << text << " of " << x[i];
      ASSERT_EQ(v.bitcastI(decoded[i]),
                v.bitcastI(decodeElement(v, f.element, codes[i])))
          << text << " code " << codes[i];
    }
  }
}

TEST(EncodeRows, ThreadsChangeNothing) {
  std::vector<float> x = normalValues(96 * 256);
  for (const char *text :
       {"q4_k", "int8_channel", "int8_tensor", "i4 [32, 64], scale f16"})
    for (Solver solver : {Solver::Plain, Solver::Mse}) {
      EncodeOptions options;
      options.solver = solver;
      Result<CodedTensor> one = encodeRows(format(text), x, 96, 256, options);
      options.threads = 5;
      Result<CodedTensor> many = encodeRows(format(text), x, 96, 256, options);
      ASSERT_TRUE(one && many);
      ASSERT_EQ(one->planes.size(), many->planes.size());
      EXPECT_EQ(one->rows, many->rows);
      for (const auto &[path, plane] : one->planes) {
        EXPECT_EQ(plane.codes, many->planes[path].codes) << text << " " << path;
        EXPECT_EQ(plane.rows, many->planes[path].rows);
      }
    }
}
