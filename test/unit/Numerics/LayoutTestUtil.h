// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the tests of layouts share: formats by text and random codes.

#ifndef QUERN_TEST_UNIT_NUMERICS_LAYOUTTESTUTIL_H
#define QUERN_TEST_UNIT_NUMERICS_LAYOUTTESTUTIL_H

#include "quern/Numerics/Layout.h"
#include <gtest/gtest.h>
#include <random>

namespace quern::numerics {

inline Format formatOf(const std::string &text) {
  auto format = FormatRegistry::builtin().resolve(text);
  EXPECT_TRUE(format.isOk()) << text << ": " << format.status().message();
  return format ? *format : Format();
}

inline Layout layoutOf(const std::string &text) {
  auto layout = parseLayout(text);
  EXPECT_TRUE(layout.isOk()) << text << ": " << layout.status().message();
  return layout ? *layout : Layout();
}

/// Random codes over the whole range of each plane.
inline CodedTensor randomCodes(const Format &format, int64_t rows, int64_t cols,
                               unsigned seed) {
  std::mt19937 random(seed);
  CodedTensor tensor;
  tensor.rows = rows;
  tensor.cols = cols;
  for (const Plane &plane : planesOf(format)) {
    PlaneCodes &codes = tensor.planes[plane.path];
    BlockShape shape = planeShape(plane, rows, cols);
    codes.rows = shape.rows;
    codes.cols = shape.cols;
    unsigned unused = 32 - plane.element->bits;
    bool isSigned =
        plane.element->kind == ElementKind::Int && plane.element->isSigned;
    for (int64_t i = 0; i < codes.rows * codes.cols; ++i) {
      if (unsigned levels = plane.element->levels) {
        codes.codes.push_back(int32_t(random() % levels));
        continue;
      }
      uint32_t high = uint32_t(random()) << unused;
      codes.codes.push_back(isSigned ? int32_t(high) >> unused
                                     : int32_t(high >> unused));
    }
  }
  return tensor;
}

/// Rows [begin, end) of `tensor`.
inline CodedTensor rowsOf(const CodedTensor &tensor, int64_t begin,
                          int64_t end) {
  CodedTensor part;
  part.rows = end - begin;
  part.cols = tensor.cols;
  for (const auto &[path, codes] : tensor.planes) {
    auto scaled = [&, rows = codes.rows](int64_t row) {
      return (row * rows + tensor.rows - 1) / tensor.rows;
    };
    int64_t first = scaled(begin), last = scaled(end);
    PlaneCodes cut{last - first, codes.cols, {}};
    cut.codes.assign(codes.codes.begin() + first * codes.cols,
                     codes.codes.begin() + last * codes.cols);
    part.planes[path] = cut;
  }
  return part;
}

inline void expectSameCodes(const CodedTensor &a, const CodedTensor &b) {
  ASSERT_EQ(a.planes.size(), b.planes.size());
  for (const auto &[path, codes] : a.planes) {
    ASSERT_TRUE(b.planes.count(path)) << path;
    EXPECT_EQ(codes.rows, b.planes.at(path).rows) << path;
    EXPECT_EQ(codes.cols, b.planes.at(path).cols) << path;
    EXPECT_EQ(codes.codes, b.planes.at(path).codes) << path;
  }
}

/// A format and a shape that nobody named: random elements, blocks and depth.
struct RandomCase {
  std::string text;
  int64_t rows = 0;
  int64_t cols = 0;
};

inline RandomCase randomCase(unsigned seed) {
  std::mt19937 random(seed);
  auto pick = [&](std::vector<std::string> from) {
    return from[random() % from.size()];
  };
  auto below = [&](int64_t n) { return int64_t(random() % uint64_t(n)); };
  auto integer = [&] {
    return pick({"i", "u"}) + std::to_string(2 + below(7));
  };
  std::string element = below(3) ? integer() : pick({"f4E2M1FN", "f8E4M3FN"});
  std::string scaleFloat = pick({"f16", "f32", "bf16"});
  int64_t blockRows = below(4) ? 1 : 1 + below(3);
  int64_t blockCols = 1 + below(40), super = 1 + below(6);
  bool isNested = below(2), isChannel = below(5) == 0;
  RandomCase out;
  out.rows = blockRows * (1 + below(40));
  out.cols = blockCols * (isNested ? super : 1) * (1 + below(5));
  std::string cols = isChannel ? "*" : std::to_string(blockCols);
  std::string scale = scaleFloat;
  if (isNested && !isChannel)
    scale = "(" + integer() + " [1, " + std::to_string(super) + "], scale " +
            scaleFloat + ")";
  out.text = element + " [" + std::to_string(blockRows) + ", " + cols +
             "], scale " + scale;
  if (element[0] == 'u' && below(2))
    out.text += below(2) ? ", min " + scale : ", zero " + element;
  return out;
}

} // namespace quern::numerics

#endif // QUERN_TEST_UNIT_NUMERICS_LAYOUTTESTUTIL_H
