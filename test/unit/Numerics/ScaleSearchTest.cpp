// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The search for scales: never worse than the rule, near the optimum of
// blocks small enough to try everything, the same on every CPU.

#include "EncodeTestUtil.h"
#include "quern/Numerics/EncodeTensor.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <random>

using namespace quern;
using namespace quern::numerics;

static std::vector<float> unevenWeights(int64_t cols) {
  std::vector<float> weights(static_cast<size_t>(cols));
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = float(i % 7) + 0.1f;
  return weights;
}

static double errorOf(const std::vector<float> &x,
                      const std::vector<float> &decoded,
                      const std::vector<float> &weights) {
  double error = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double rest = double(x[i]) - double(decoded[i]);
    error +=
        (weights.empty() ? 1.0 : weights[i % weights.size()]) * rest * rest;
  }
  return error;
}

/// Sums of errors of each outermost block, for block shapes of any kind.
static std::vector<double> blockErrors(const Format &f,
                                       const std::vector<float> &x,
                                       const std::vector<float> &decoded,
                                       const std::vector<float> &weights,
                                       int64_t rows, int64_t cols) {
  BlockShape block = outermostBlock(f);
  int64_t blockRows = block.rows ? block.rows : rows;
  int64_t blockCols = block.cols ? block.cols : cols;
  std::vector<double> errors(
      static_cast<size_t>(rows / blockRows * (cols / blockCols)));
  for (int64_t i = 0; i < rows * cols; ++i) {
    double rest = double(x[size_t(i)]) - double(decoded[size_t(i)]);
    int64_t down = i / cols / blockRows, across = i % cols / blockCols;
    errors[size_t(down * (cols / blockCols) + across)] +=
        weights[size_t(i % cols)] * rest * rest;
  }
  return errors;
}

TEST(ScaleSearch, NeverWorseThanTheRuleInAnyOutermostBlock) {
  const int64_t rows = 128, cols = 512;
  std::vector<float> weights = unevenWeights(cols);
  for (const std::string &name : FormatRegistry::builtin().names()) {
    // The search sees the matrix before column transforms; ColumnsTest.cpp.
    Format f = withoutColumns(format(name));
    // Squares of the small and the large sizes leave binary32.
    for (float size : {1.0f, 1e-30f, 1e30f}) {
      std::vector<float> x = normalValues(rows * cols, 3);
      for (float &value : x)
        value *= size;
      EncodeOptions options;
      options.columnWeights = weights;
      std::vector<float> plain = through(f, x, rows, cols, options);
      options.solver = Solver::Mse;
      std::vector<float> searched = through(f, x, rows, cols, options);
      std::vector<double> before =
          blockErrors(f, x, plain, weights, rows, cols);
      std::vector<double> after =
          blockErrors(f, x, searched, weights, rows, cols);
      for (size_t i = 0; i < before.size(); ++i)
        ASSERT_LE(after[i], before[i])
            << name << " block " << i << " x" << size;
    }
  }
}

/// The error of the search over that of the format's rule.
static double errorRatio(const std::string &text, const std::vector<float> &x,
                         int64_t rows, int64_t cols) {
  Format f = format(text);
  EncodeOptions options;
  double plain = errorOf(x, through(f, x, rows, cols, options), {});
  options.solver = Solver::Mse;
  return errorOf(x, through(f, x, rows, cols, options), {}) / plain;
}

TEST(ScaleSearch, GainsOnEveryLevel) {
  // The error beside the rule's that normal values reach, and two hundredths.
  const std::pair<const char *, double> most[] = {
      {"q2_k", 0.64},  {"q3_k", 0.88},  {"q4_k", 0.81},
      {"q5_k", 0.845}, {"q6_k", 0.83},  {"iq4_xs", 0.87},
      {"iq3_s", 0.97}, {"iq2_xs", 0.9}, {"iq1_s", 0.9}};
  std::vector<float> x = normalValues(64 * 512, 8);
  for (const auto &[name, ratio] : most)
    EXPECT_LT(errorRatio(name, x, 64, 512), ratio) << name;
}

TEST(ScaleSearch, GainsForFormatsWithoutASearchOfTheirOwn) {
  // Offsets with blocks of their own, of the whole matrix, and under vectors.
  const std::pair<const char *, double> most[] = {
      {"u3 [1, 32], scale f16, min [1, 8] f16", 0.99},
      {"u4 [1, 32], scale f16, zero [1, 16] u4", 0.95},
      {"i3 [1, 64], scale f16, mean f32", 0.9},
      {"codebook [[0, 1], [1, -2], [0.5, 2], [-1, -1]] [1, 32], scale f16, "
       "add f16",
       0.97}};
  std::vector<float> x = normalValues(32 * 256, 9);
  for (const auto &[text, ratio] : most) {
    double reached = errorRatio(text, x, 32, 256);
    EXPECT_LT(reached, ratio) << text;
    EXPECT_GT(reached, 0) << text;
  }
}

TEST(ScaleSearch, DivisorsAreSearchedAsFactorsAre) {
  // Beside the rule's error; the last two divide on other levels.
  const std::pair<const char *, double> most[] = {
      {"i3 [1, 32], divisor f16", 0.85},
      {"i4 [1, 32], divisor (f8E4M3FN [1, 8], scale f16)", 0.85},
      {"codebook [[0, 1], [1, -2], [0.5, 2], [-1, -1]] [32], divisor f16", 0.8},
      {"f4E2M1FN [1, 16], scale (f8E4M3FN [*, *], divisor f32)", 0.95}};
  for (float size : {1.0f, 1e-3f}) {
    std::vector<float> x = normalValues(64 * 512, 8, size);
    for (const auto &[text, ratio] : most)
      EXPECT_LT(errorRatio(text, x, 64, 512), ratio) << text << " x" << size;
  }
}

TEST(ScaleSearch, FindsTheBestScaleOfOneBlock) {
  // Brute force over 20,000 scales; the search may miss the best by 2 %.
  Format f = format("i3 [1, 32], scale f32");
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<float> x = normalValues(32, seed);
    double best = HUGE_VAL;
    for (int i = 1; i <= 20000; ++i) {
      double scale = i * 1e-4, error = 0;
      for (float value : x) {
        double q = std::min(3.0, std::max(-4.0, std::nearbyint(value / scale)));
        error += (value - q * scale) * (value - q * scale);
      }
      best = std::min(best, error);
    }
    EncodeOptions options;
    options.solver = Solver::Mse;
    double found = errorOf(x, through(f, x, 1, 32, options), {});
    EXPECT_LE(found, best * 1.02) << "seed " << seed;
    EXPECT_GE(found, best * 0.999) << "seed " << seed;
  }
}

TEST(ScaleSearch, WeightsMoveTheErrorToColumnsThatMatterLess) {
  Format f = format("i2 [1, 32], scale f32");
  std::vector<float> x = normalValues(32 * 64, 5), weights(32, 1e-6f);
  weights[0] = weights[9] = 1;
  EncodeOptions options;
  options.solver = Solver::Mse;
  std::vector<float> even = through(f, x, 64, 32, options);
  options.columnWeights = weights;
  std::vector<float> weighted = through(f, x, 64, 32, options);
  EXPECT_LT(errorOf(x, weighted, weights), 0.5 * errorOf(x, even, weights));
}

/// The least error of a block of `values` whose scale is `unit` times a two-bit
/// code.
static double bestOfBlock(const float *values, int64_t count, double unit) {
  double best = HUGE_VAL;
  for (int code = 0; code < 4; ++code) {
    double scale = unit * code, error = 0;
    for (int64_t i = 0; i < count; ++i) {
      double q = scale == 0 ? 0 : std::nearbyint(values[i] / scale);
      q = std::min(3.0, std::max(-4.0, q));
      error += (values[i] - q * scale) * (values[i] - q * scale);
    }
    best = std::min(best, error);
  }
  return best;
}

TEST(ScaleSearch, FindsTheBestScalesOfTwoLevels) {
  // Brute force: 4,000 super-scales, and for each the best code of each block.
  Format f = format("i3 [1, 8], scale (u2 [1, 4], scale f32)");
  const int seeds = 40;
  double ratios = 0;
  for (unsigned seed = 0; seed < seeds; ++seed) {
    std::vector<float> x = normalValues(32, 100 + seed);
    for (int i = 0; i < 32; ++i) // blocks of different sizes
      x[size_t(i)] *= float(1 + i / 8);
    double best = HUGE_VAL;
    for (int i = 1; i <= 4000; ++i) {
      double error = 0;
      for (int block = 0; block < 4; ++block)
        error += bestOfBlock(x.data() + 8 * block, 8, i * 5e-4);
      best = std::min(best, error);
    }
    EncodeOptions options;
    options.solver = Solver::Mse;
    double found = errorOf(x, through(f, x, 1, 32, options), {});
    EXPECT_GE(found, best * 0.99) << "seed " << seed;
    ratios += found / best;
  }
  EXPECT_LE(ratios / seeds, 1.1);
}

/// Formats of every structure; the last one's blocks fill no vector.
static std::vector<std::string> kindsOfFormats() {
  return {"q4_0",
          "q5_1",
          "q2_k",
          "q3_k",
          "q4_k",
          "q6_k",
          "iq4_xs",
          "mxfp4",
          "nvfp4",
          "fp8_block",
          "nf4",
          "int8_channel",
          "int8_tensor",
          "int2_g32_asym",
          "bf16",
          "iq3_s",
          "iq2_xxs",
          "iq1_m",
          "i3 [3, 7], scale (u5 [1, 2], scale f16)"};
}

static void expectEqualCodes(CodedTensor &a, CodedTensor &b,
                             const std::string &what) {
  ASSERT_EQ(a.planes.size(), b.planes.size());
  for (const auto &[path, plane] : a.planes)
    EXPECT_EQ(plane.codes, b.planes[path].codes) << what << " " << path;
}

TEST(ScaleSearch, SameCodesOnEveryInstructionSetAndNumberOfThreads) {
  for (const std::string &text : kindsOfFormats()) {
    bool isOdd = text[0] == 'i' && text[1] == '3';
    const int64_t rows = isOdd ? 96 : 128, cols = isOdd ? 98 : 512;
    std::vector<float> x = normalValues(rows * cols, 4);
    std::vector<float> weights = unevenWeights(cols);
    for (Solver solver : {Solver::Plain, Solver::Mse}) {
      EncodeOptions options;
      options.solver = solver;
      options.columnWeights = weights;
      Result<CodedTensor> first =
          encodeRows(format(text), x, rows, cols, options);
      ASSERT_TRUE(first) << first.status().message();
      for (const std::string &isa : encoderIsas()) {
        options.isa = isa;
        options.threads += 2;
        Result<CodedTensor> other =
            encodeRows(format(text), x, rows, cols, options);
        ASSERT_TRUE(other) << other.status().message();
        expectEqualCodes(*first, *other, text + " " + isa);
      }
    }
  }
}

TEST(ScaleSearch, UnknownInstructionSetIsAnError) {
  EncodeOptions options;
  options.isa = "pdp11";
  std::vector<float> x(32);
  EXPECT_EQ(encodeRows(format("q4_0"), x, 1, 32, options).status().message(),
            "expects an instruction set of this CPU, but got 'pdp11'");
}
