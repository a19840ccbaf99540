// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Properties of formats that nobody named: random compositions.

#include "EncodeTestUtil.h"
#include "RandomFormat.h"
#include "quern/Numerics/Decode.h"
#include "quern/Numerics/ErrorBound.h"
#include <cmath>
#include <map>
#include <random>
#include <tuple>

using namespace quern;
using namespace quern::numerics;

static Format parse(const std::string &text) {
  Result<Format> format = parseFormat(text, FormatRegistry::builtin());
  EXPECT_TRUE(format) << text << ": " << format.status().message();
  return *format;
}

namespace {
/// A drawn format, values that it can hold, and their codes.
struct Drawn {
  RandomFormat source;
  Format format;
  std::vector<float> values;
  CodedTensor coded;
  std::vector<float> decoded;

  explicit Drawn(unsigned seed) : source(FormatGenerator(seed).draw()) {
    format = parse(source.text);
    values = normalValues(size_t(source.rows * source.cols), seed);
    // Codes without a sign cannot hold negative numbers without an offset.
    if (lowestValue(format.element) >= 0 && !format.offset)
      for (float &x : values)
        x = std::fabs(x);
    coded = encode(Solver::Plain);
    decoded = decodeRows(format, coded);
  }

  CodedTensor encode(Solver solver) const {
    EncodeOptions options;
    options.solver = solver;
    Result<CodedTensor> result =
        encodeRows(format, values, source.rows, source.cols, options);
    EXPECT_TRUE(result) << source.text << ": " << result.status().message();
    return result ? *result : CodedTensor();
  }

  size_t at(int64_t r, int64_t c) const { return size_t(r * source.cols + c); }
};
} // namespace

constexpr unsigned formatCount = 400;

TEST(FormatProperty, TextsRoundTrip) {
  for (unsigned seed = 0; seed < formatCount; ++seed) {
    Format format = parse(FormatGenerator(seed).draw().text);
    std::string text = printFormat(format);
    EXPECT_EQ(parse(text), format) << text;
    EXPECT_EQ(printFormat(parse(text)), text);
  }
}

TEST(FormatProperty, DifferentTextsAreDifferentFormats) {
  for (unsigned seed = 1; seed < formatCount; ++seed) {
    Format a = parse(FormatGenerator(seed).draw().text);
    Format b = parse(FormatGenerator(seed - 1).draw().text);
    EXPECT_EQ(a == b, printFormat(a) == printFormat(b));
  }
}

/// Which block or granule an element lies in, by row and column among them.
static std::pair<int64_t, int64_t> blockOf(const Drawn &d, BlockShape block,
                                           int64_t r, int64_t c) {
  if (d.format.isFlat)
    std::tie(r, c) = std::make_pair(int64_t(0), int64_t(d.at(r, c)));
  return {block.rows ? r / block.rows : 0, block.cols ? c / block.cols : 0};
}

static void expectWithinBound(const Drawn &d) {
  BlockShape block = outermostBlock(d.format);
  ErrorBound bound = encodeErrorBound(d.format);
  std::map<std::pair<int64_t, int64_t>, double> largest;
  for (int64_t r = 0; r < d.source.rows; ++r)
    for (int64_t c = 0; c < d.source.cols; ++c) {
      double &known = largest[blockOf(d, block, r, c)];
      known = std::max(known, std::fabs(double(d.values[d.at(r, c)])));
    }
  for (int64_t r = 0; r < d.source.rows; ++r)
    for (int64_t c = 0; c < d.source.cols; ++c) {
      float x = d.values[d.at(r, c)], decoded = d.decoded[d.at(r, c)];
      ASSERT_LE(std::fabs(double(x) - double(decoded)),
                bound.at(largest[blockOf(d, block, r, c)]))
          << d.source.text << " at " << r << ", " << c << ", value " << x;
    }
}

TEST(FormatProperty, ErrorsStayWithinTheDerivedBound) {
  for (unsigned seed = 0; seed < formatCount; ++seed)
    expectWithinBound(Drawn(seed));
}

static double squaredError(const Drawn &d, const std::vector<float> &decoded) {
  double sum = 0;
  for (size_t i = 0; i < decoded.size(); ++i)
    sum += std::pow(double(decoded[i]) - double(d.values[i]), 2);
  return sum;
}

TEST(FormatProperty, TheSearchIsNeverWorseThanTheRule) {
  for (unsigned seed = 0; seed < formatCount; ++seed) {
    Drawn d(seed);
    std::vector<float> searched = decodeRows(d.format, d.encode(Solver::Mse));
    EXPECT_LE(squaredError(d, searched),
              squaredError(d, d.decoded) * (1 + 1e-6))
        << d.source.text;
  }
}

TEST(FormatProperty, CodesFitTheirWidth) {
  for (unsigned seed = 0; seed < formatCount; ++seed) {
    Drawn d(seed);
    for (const Plane &plane : planesOf(d.format)) {
      const PlaneCodes &codes = d.coded.planes.at(plane.path);
      BlockShape shape = planeShape(plane, d.source.rows, d.source.cols);
      EXPECT_EQ(codes.rows, shape.rows);
      EXPECT_EQ(codes.cols, shape.cols);
      const Element &e = *plane.element;
      if (e.bits == 32)
        continue;
      int64_t low = e.isSigned ? -(int64_t(1) << (e.bits - 1)) : 0;
      int64_t high = e.levels ? e.levels : low + (int64_t(1) << e.bits);
      for (int32_t code : codes.codes)
        ASSERT_TRUE(code >= low && code < high) << printFormat(d.format);
    }
  }
}

/// decodeValue, one element at a time, against decodeRows.
TEST(FormatProperty, OneValueDecodesAsTheMatrixDoes) {
  ScalarValues v;
  for (unsigned seed = 0; seed < formatCount; seed += 5) {
    Drawn d(seed);
    std::vector<Plane> planes = planesOf(d.format);
    unsigned period = placePeriod(d.format.element);
    for (int64_t r = 0; r < d.source.rows; ++r)
      for (int64_t c = 0; c < d.source.cols; ++c) {
        auto codeOf = [&](const std::string &path) {
          for (const Plane &p : planes)
            if (p.path == path) {
              const PlaneCodes &codes = d.coded.planes.at(path);
              auto [row, col] = blockOf(d, p.granule, r, c);
              return codes.codes[size_t(row * codes.cols + col)];
            }
          ADD_FAILURE() << "no plane " << path;
          return 0;
        };
        float value =
            decodeValue(v, d.format, codeOf, "", unsigned(c) % period);
        ASSERT_EQ(value, d.decoded[d.at(r, c)]) << d.source.text;
      }
  }
}

TEST(ErrorBound, ShippedFormats) {
  auto relative = [](const char *name) {
    return encodeErrorBound(*FormatRegistry::builtin().lookup(name)).relative;
  };
  // Half a step of amax / 127, and what f32 rounding adds.
  EXPECT_NEAR(relative("int8_channel"), 0.5 / 127, 2e-6);
  EXPECT_NEAR(relative("bf16"), 1.0 / 256, 1e-9);
  // Half a step and one of clipping at +8, of eight; f16 scales add 2^-11.
  EXPECT_NEAR(relative("q4_0"), 1.5 / 8, 1e-3);
  EXPECT_LT(relative("q6_k"), relative("q4_0"));
}

TEST(ErrorBound, DotProducts) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  Format activation = *FormatRegistry::builtin().lookup("int8_g32");
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<float> x(256), w(256);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = normal(random) * (i % 50 == 0 ? 20 : 1);
      w[i] = normal(random);
    }
    std::vector<float> coded =
        decodeRows(activation, *encodeRows(activation, x, 1, 256));
    double exact = 0, quantized = 0;
    float computed = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      exact += double(x[i]) * double(w[i]);
      quantized += double(coded[i]) * double(w[i]);
      computed += x[i] * w[i];
    }
    EXPECT_LE(std::fabs(computed - exact), dotErrorBound(x, w));
    EXPECT_LE(std::fabs(quantized - exact),
              quantizedDotErrorBound(activation, x, w));
  }
}
