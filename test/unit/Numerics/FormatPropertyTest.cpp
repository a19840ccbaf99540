// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Properties of formats that nobody named: random compositions.

#include "quern/Numerics/Decode.h"
#include "quern/Numerics/EncodeTensor.h"
#include "quern/Numerics/ErrorBound.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace quern;
using namespace quern::numerics;

namespace {
/// Writes random format texts whose blocks divide [rows, cols].
class Generator {
public:
  static constexpr int64_t rows = 24, cols = 96;

  explicit Generator(unsigned seed) : random(seed) {}

  int pick(int count) { return int(random() % unsigned(count)); }

  std::string text() { return level(rows, cols, 0, false); }

private:
  template <size_t N> std::string oneOf(const char *const (&items)[N]) {
    return items[pick(int(N))];
  }

  std::string element() {
    switch (pick(3)) {
    case 0:
      return (pick(2) ? "i" : "u") + std::to_string(2 + pick(7));
    case 1:
      return oneOf({"f8E4M3FN", "f8E5M2", "f6E2M3FN", "f6E3M2FN", "f4E2M1FN",
                    "f8E4M3FNUZ", "f16"});
    default:
      return oneOf({"codebook @nf4", "codebook @iq4nl",
                    "codebook [-2, -0.5, 0.5, 2]",
                    "codebook [-1, -0.7, -0.4, -0.1, 0, 0.2, 0.6, 1]"});
    }
  }

  /// An extent that divides `extent`; prints `*` for all of it now and then.
  std::string divisor(int64_t extent, int64_t &chosen) {
    do
      chosen = 1 + pick(int(extent));
    while (extent % chosen != 0);
    return chosen == extent && pick(2) ? "*" : std::to_string(chosen);
  }

  /// A scale or offset: a bare type, or a level of its own.
  std::string operand(int64_t r, int64_t c, int depth) {
    if (depth < 3 && pick(2))
      return "(" + level(r, c, depth, true) + ")";
    return oneOf({"f32", "f16", "bf16", "f8E5M2"});
  }

  std::string level(int64_t r, int64_t c, int depth, bool isScale) {
    bool isUnsigned = isScale && pick(2);
    std::string code = isUnsigned ? "u" + std::to_string(4 + pick(5))
                       : isScale  ? "i" + std::to_string(5 + pick(4))
                                  : element();
    int64_t blockRows, blockCols;
    std::string result = code + " [" + divisor(r, blockRows);
    result += ", " + divisor(c, blockCols) + "], scale ";
    int64_t innerRows = r / blockRows, innerCols = c / blockCols;
    std::string scale = operand(innerRows, innerCols, depth + 1);
    result += scale;
    bool hasOffset = !isScale && pick(2);
    if (!hasOffset && pick(4) == 0)
      result += " from amax / " + std::to_string(1 + pick(9));
    if (hasOffset)
      result += oneOf({", min ", ", add ", ", zero "}) +
                operand(innerRows, innerCols, depth + 1);
    bool isInteger = code[0] == 'i' || code[0] == 'u';
    if (isInteger && pick(3) == 0)
      result += oneOf({", round away", ", round up", ", round even exact"});
    return result;
  }

  std::mt19937 random;
};
} // namespace

static Format parse(const std::string &text) {
  Result<Format> format = parseFormat(text, FormatRegistry::builtin());
  EXPECT_TRUE(format) << text << ": " << format.status().message();
  return *format;
}

static std::vector<float> randomValues(unsigned seed, bool isPositive) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(Generator::rows * Generator::cols);
  for (float &x : values)
    x = isPositive ? std::fabs(normal(random)) : normal(random);
  return values;
}

constexpr unsigned formatCount = 400;

TEST(FormatProperty, TextsRoundTrip) {
  for (unsigned seed = 0; seed < formatCount; ++seed) {
    Format format = parse(Generator(seed).text());
    std::string text = printFormat(format);
    EXPECT_EQ(parse(text), format) << text;
    EXPECT_EQ(printFormat(parse(text)), text);
  }
}

TEST(FormatProperty, DifferentTextsAreDifferentFormats) {
  for (unsigned seed = 1; seed < formatCount; ++seed) {
    Format a = parse(Generator(seed).text());
    Format b = parse(Generator(seed - 1).text());
    EXPECT_EQ(a == b, printFormat(a) == printFormat(b));
  }
}

/// Largest |x| of the outermost block that holds (r, c).
static double magnitudeAround(const Format &format,
                              const std::vector<float> &values, int64_t r,
                              int64_t c) {
  BlockShape block = outermostBlock(format);
  int64_t height = block.rows ? block.rows : Generator::rows;
  int64_t width = block.cols ? block.cols : Generator::cols;
  double largest = 0;
  for (int64_t i = r / height * height; i < (r / height + 1) * height; ++i)
    for (int64_t j = c / width * width; j < (c / width + 1) * width; ++j)
      largest = std::max(
          largest, std::fabs(double(values[size_t(i * Generator::cols + j)])));
  return largest;
}

TEST(FormatProperty, ErrorsStayWithinTheDerivedBound) {
  for (unsigned seed = 0; seed < formatCount; ++seed) {
    std::string text = Generator(seed).text();
    Format format = parse(text);
    // Codes without a sign cannot hold negative numbers without an offset.
    bool isPositive = lowestValue(format.element) >= 0 && !format.offset;
    std::vector<float> x = randomValues(seed, isPositive);
    Result<CodedTensor> coded =
        encodeRows(format, x, Generator::rows, Generator::cols);
    ASSERT_TRUE(coded) << text << ": " << coded.status().message();
    std::vector<float> decoded = decodeRows(format, *coded);
    ErrorBound bound = encodeErrorBound(format);
    for (int64_t i = 0; i < int64_t(x.size()); ++i) {
      double largest =
          magnitudeAround(format, x, i / Generator::cols, i % Generator::cols);
      ASSERT_LE(std::fabs(double(x[size_t(i)]) - double(decoded[size_t(i)])),
                bound.at(largest))
          << text << " at " << i << ", value " << x[size_t(i)];
    }
  }
}

TEST(FormatProperty, CodesFitTheirWidth) {
  for (unsigned seed = 0; seed < formatCount; ++seed) {
    Format format = parse(Generator(seed).text());
    Result<CodedTensor> coded = encodeRows(format, randomValues(seed, false),
                                           Generator::rows, Generator::cols);
    ASSERT_TRUE(coded);
    for (const Plane &plane : planesOf(format)) {
      const PlaneCodes &codes = coded->planes.at(plane.path);
      BlockShape shape = planeShape(plane, Generator::rows, Generator::cols);
      EXPECT_EQ(codes.rows, shape.rows);
      EXPECT_EQ(codes.cols, shape.cols);
      const Element &e = *plane.element;
      if (e.bits == 32)
        continue;
      int64_t low = e.isSigned ? -(int64_t(1) << (e.bits - 1)) : 0;
      int64_t high = low + (int64_t(1) << e.bits);
      for (int32_t code : codes.codes)
        ASSERT_TRUE(code >= low && code < high) << printFormat(format);
    }
  }
}

/// decodeValue, one element at a time, against decodeRows.
TEST(FormatProperty, OneValueDecodesAsTheMatrixDoes) {
  ScalarValues v;
  for (unsigned seed = 0; seed < formatCount; seed += 5) {
    Format format = parse(Generator(seed).text());
    Result<CodedTensor> coded = encodeRows(format, randomValues(seed, false),
                                           Generator::rows, Generator::cols);
    ASSERT_TRUE(coded);
    std::vector<float> decoded = decodeRows(format, *coded);
    std::vector<Plane> planes = planesOf(format);
    for (int64_t r = 0; r < Generator::rows; ++r)
      for (int64_t c = 0; c < Generator::cols; ++c) {
        auto codeOf = [&](const std::string &path) {
          for (const Plane &p : planes)
            if (p.path == path) {
              const PlaneCodes &codes = coded->planes.at(path);
              int64_t row = p.granule.rows ? r / p.granule.rows : 0;
              int64_t col = p.granule.cols ? c / p.granule.cols : 0;
              return codes.codes[size_t(row * codes.cols + col)];
            }
          ADD_FAILURE() << "no plane " << path;
          return 0;
        };
        float value = decodeValue(v, format, codeOf);
        ASSERT_EQ(value, decoded[size_t(r * Generator::cols + c)]);
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
