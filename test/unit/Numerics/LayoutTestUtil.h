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
    codes.rows = planeRows(plane, rows);
    codes.cols = planeCols(plane, cols);
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

/// Rows [begin, end) of `tensor`, which cut no block but the last.
inline CodedTensor rowsOf(const Format &format, const CodedTensor &tensor,
                          int64_t begin, int64_t end) {
  CodedTensor part;
  part.rows = end - begin;
  part.cols = tensor.cols;
  for (const Plane &plane : planesOf(format)) {
    const PlaneCodes &codes = tensor.planes.at(plane.path);
    int64_t height = plane.granule.rows ? plane.granule.rows : tensor.rows;
    int64_t first = begin / height, last = (end + height - 1) / height;
    PlaneCodes cut{last - first, codes.cols, {}};
    cut.codes.assign(codes.codes.begin() + first * codes.cols,
                     codes.codes.begin() + last * codes.cols);
    part.planes[plane.path] = cut;
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

} // namespace quern::numerics

#endif // QUERN_TEST_UNIT_NUMERICS_LAYOUTTESTUTIL_H
