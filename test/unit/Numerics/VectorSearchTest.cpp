// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The search for vectors and for their scales against trying everything.

#include "EncodeTestUtil.h"
#include "quern/Numerics/Decode.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::numerics;

//===----------------------------------------------------------------------===//
// The nearest vector
//===----------------------------------------------------------------------===//

/// The text of a codebook of random vectors over `levels` levels. Vectors may
/// occur twice, and values close to zero tie.
static std::string randomCodebook(int entries, int size, int levels) {
  std::mt19937 random(5);
  std::string text = "codebook [";
  for (int i = 0; i < entries; ++i) {
    text += i == 0 ? "[" : ", [";
    for (int k = 0; k < size; ++k)
      text += (k == 0 ? "" : ", ") +
              std::to_string(int(random() % unsigned(levels)) - levels / 2);
    text += "]";
  }
  return text + "]";
}

/// The lowest code of the nearest entry to `x`.
static int32_t nearestEntry(const Codebook &book, const float *x) {
  int32_t nearest = 0;
  double least = HUGE_VAL;
  for (size_t entry = 0; entry < book.values.size() / book.vectorSize;
       ++entry) {
    double distance = 0;
    for (unsigned k = 0; k < book.vectorSize; ++k)
      distance +=
          std::pow(double(x[k]) - book.values[entry * book.vectorSize + k], 2);
    if (distance < least) {
      least = distance;
      nearest = int32_t(entry);
    }
  }
  return nearest;
}

TEST(VectorSearch, FindsTheNearestOfAllVectors) {
  const std::string texts[] = {
      "codebook @iq1s", "codebook @iq2s", "codebook @iq3s",
      randomCodebook(8, 2, 5), randomCodebook(64, 4, 3),
      randomCodebook(256, 8, 4),
      // So many different halves that nothing is shared, and that pairs of
      // halves have no table.
      randomCodebook(1024, 16, 5), randomCodebook(2048, 16, 5)};
  for (const std::string &text : texts) {
    Format f = format(text);
    const Codebook &book = f.element.codebook;
    const int64_t rows = 8, cols = 256;
    std::vector<float> x = normalValues(rows * cols, 6);
    float largest = largestValue(f.element);
    for (float &value : x) // quarters, which often tie and sum up exactly
      value = std::nearbyint(value * 2) / 4 * std::min(largest / 2, 8.0f);
    Result<CodedTensor> coded = encodeRows(f, x, rows, cols);
    ASSERT_TRUE(coded) << coded.status().message();
    const std::vector<int32_t> &codes = coded->planes.at("code").codes;
    ASSERT_EQ(codes.size() * book.vectorSize, x.size());
    for (size_t i = 0; i < codes.size(); ++i)
      ASSERT_EQ(codes[i], nearestEntry(book, &x[i * book.vectorSize]))
          << text.substr(0, 20) << " vector " << i;
  }
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

namespace {
/// Tries all scales, offsets, vectors and signs of one block of eight.
class Exhaustive {
public:
  Exhaustive(const Format &format, const float *x, const float *weights)
      : f(format), x(x), weights(weights) {}

  double best() const {
    double least = HUGE_VAL;
    for (float scale : valuesOf(*f.scale))
      for (float offset :
           f.offset ? valuesOf(*f.offset) : std::vector<float>{0})
        least = std::min(least, bestUnder(scale, offset));
    return least;
  }

private:
  static constexpr unsigned kBlock = 8;

  /// All values of a format that has no scale.
  static std::vector<float> valuesOf(const Format &format) {
    ScalarValues v;
    std::vector<float> values;
    for (int32_t code = 0; code < 1 << format.element.bits; ++code)
      values.push_back(decodeElement(v, format.element, code));
    return values;
  }

  double bestUnder(float scale, float offset) const {
    // By the parity of the negative signs so far.
    double even = 0, odd = HUGE_VAL;
    for (unsigned at = 0; at < kBlock; at += f.element.vectorSize()) {
      double least[2] = {HUGE_VAL, HUGE_VAL};
      addVector(at, scale, offset, least);
      double next = std::min(even + least[0], odd + least[1]);
      odd = std::min(even + least[1], odd + least[0]);
      even = next;
    }
    return f.element.signs == SignPolicy::Even ? even : std::min(even, odd);
  }

  void addVector(unsigned at, float scale, float offset,
                 double *leastOfParity) const {
    ScalarValues v;
    const unsigned size = f.element.vectorSize();
    const unsigned patterns =
        f.element.signs == SignPolicy::None ? 1 : 1u << size;
    for (int32_t code = 0; code < 1 << f.element.bits; ++code)
      for (unsigned signs = 0; signs < patterns; ++signs) {
        double error = 0;
        for (unsigned k = 0; k < size; ++k) {
          float e = negateIf(v, int32_t(signs >> k & 1),
                             decodeElement(v, f.element, code, k));
          double rest =
              double(x[at + k]) - double(applyScale(v, f, e, scale, offset));
          error += weights[at + k] * rest * rest;
        }
        double &least = leastOfParity[__builtin_popcount(signs) % 2];
        least = std::min(least, error);
      }
  }

  const Format &f;
  const float *x, *weights;
};
} // namespace

TEST(VectorSearch, ComesCloseToTryingEverything) {
  // Mean and largest error of a block beside the least there is.
  const std::pair<const char *, std::pair<double, double>> most[] = {
      {"codebook [[0, 1], [1, -2], [0.5, 2], [-1, -1]] [8], "
       "scale u4 * 0.125 + 0.125",
       {1.06, 1.5}},
      {"codebook [[0, 1, 1, -1], [1, -1, 0, 0], [-1, 0, -1, 1], "
       "[0, 0, 0, 0]] [8], scale u3 * 0.25 + 0.25, "
       "zero codebook [-0.125, 0.125]",
       {1.06, 1.5}},
      {"codebook [[1, 1], [1, 3], [3, 1], [3, 3]] signs [8], "
       "scale u4 * 0.0625 + 0.0625",
       {1.06, 1.6}},
      {"codebook [[1, 1], [1, 3], [3, 1], [3, 3]] signs even [8], "
       "scale u4 * 0.0625 + 0.0625",
       {1.15, 2.5}}};
  const int64_t blocks = 200;
  for (const auto &[text, factors] : most) {
    Format f = format(text);
    std::vector<float> x = normalValues(blocks * 8, 9);
    for (bool isWeighted : {false, true}) {
      std::vector<float> weights(8, 1.0f);
      for (size_t i = 0; isWeighted && i < weights.size(); ++i)
        weights[i] = float(i % 3) + 0.25f;
      EncodeOptions options;
      options.solver = Solver::Mse;
      if (isWeighted)
        options.columnWeights = weights;
      std::vector<float> decoded = through(f, x, blocks, 8, options);
      double sum = 0, largest = 0;
      for (size_t b = 0; b < size_t(blocks); ++b) {
        double best = Exhaustive(f, &x[b * 8], weights.data()).best();
        double found = 0;
        for (size_t i = b * 8; i < b * 8 + 8; ++i)
          found += weights[i % 8] * std::pow(double(x[i]) - decoded[i], 2);
        ASSERT_GE(found, best * (1 - 1e-6)) << text << " block " << b;
        sum += found / best;
        largest = std::max(largest, found / best);
      }
      EXPECT_LE(sum / double(blocks), factors.first) << text << isWeighted;
      EXPECT_LE(largest, factors.second) << text << isWeighted;
    }
  }
}
