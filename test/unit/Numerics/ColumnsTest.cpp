// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Column transforms: texts, sizes, and codes beside a naive definition.

#include "quern/Numerics/Columns.h"
#include "EncodeTestUtil.h"
#include "RandomFormat.h"
#include "quern/Numerics/Values.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace quern;
using namespace quern::numerics;

namespace {

struct Failure {
  std::string message;
  size_t offset = 0;
};

Failure failureOf(const std::string &text) {
  Failure failure;
  failure.message =
      parseFormat(text, FormatRegistry::builtin(), &failure.offset)
          .status()
          .message();
  return failure;
}

using Matrix = std::vector<std::vector<double>>; ///< [rows][cols]

/// rows x cols values whose columns have very different sizes.
std::vector<float> unevenColumns(int64_t rows, int64_t cols, unsigned seed,
                                 float spread = 2) {
  std::vector<float> values = normalValues(size_t(rows * cols), seed);
  std::vector<float> sizes = normalValues(size_t(cols), seed + 1);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] *= std::exp(spread * sizes[i % size_t(cols)]);
  return values;
}

Matrix product(const Matrix &a, const Matrix &b) {
  Matrix result(a.size(), std::vector<double>(b[0].size()));
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t k = 0; k < b.size(); ++k)
      for (size_t j = 0; j < b[0].size(); ++j)
        result[i][j] += a[i][k] * b[k][j];
  return result;
}

Matrix zeros(size_t rows, size_t cols) {
  return Matrix(rows, std::vector<double>(cols));
}

/// The planes of one part of a coded matrix, decoded.
std::vector<float> decodedPart(const Format &f, const CodedTensor &coded,
                               ColumnPart part) {
  Format own = columnPartFormat(f, part);
  BlockShape shape = columnPartShape(f, part, coded.rows, coded.cols);
  CodedTensor planes{shape.rows, shape.cols, {}};
  std::string prefix =
      part.role == ColumnRole::Matrix ? "" : columnPartName(f, part) + ".";
  for (const Plane &plane : planesOf(own))
    planes.planes[plane.path] = coded.planes.at(prefix + plane.path);
  return decodeRows(own, planes);
}

Matrix toMatrix(const std::vector<float> &values, size_t cols) {
  Matrix result;
  for (size_t i = 0; i < values.size(); i += cols)
    result.emplace_back(values.begin() + i, values.begin() + i + cols);
  return result;
}

/// W as docs/Formats.md defines it, by products with whole matrices.
Matrix naiveDecode(const Format &f, const CodedTensor &coded) {
  size_t cols = size_t(coded.cols);
  Matrix w = toMatrix(decodedPart(f, coded, {}), cols);
  for (size_t link = 0; link < f.columns.size(); ++link) {
    const ColumnTransform &transform = f.columns[link];
    Matrix t = zeros(cols, cols);
    switch (transform.kind) {
    case ColumnKind::Ordered: {
      auto order = decodedPart(f, coded, {ColumnRole::Order, link});
      for (size_t c = 0; c < cols; ++c)
        t[c][size_t(order[c])] = 1;
      break;
    }
    case ColumnKind::Scaled: {
      auto scales = decodedPart(f, coded, {ColumnRole::Scale, link});
      for (size_t c = 0; c < cols; ++c)
        t[c][c] = scales[c];
      break;
    }
    case ColumnKind::Rotated:
      for (size_t r = 0; r < cols; ++r)
        for (size_t c = 0; c < cols; ++c)
          if (r / transform.count == c / transform.count)
            t[r][c] =
                (__builtin_parityll(r & c & (transform.count - 1)) ? -1 : 1) /
                std::sqrt(double(transform.count));
      break;
    case ColumnKind::Apart: {
      auto which = decodedPart(f, coded, {ColumnRole::Column, link});
      auto apart = decodedPart(f, coded, {ColumnRole::Apart, link});
      for (size_t r = 0; r < w.size(); ++r)
        for (size_t i = 0; i < which.size(); ++i)
          w[r][size_t(which[i])] = apart[r * which.size() + i];
      continue;
    }
    }
    w = product(w, t);
  }
  return w;
}

const char *const chains[] = {
    "i4 [1, 32], scale f16, columns ordered",
    "u4 [1, 32], scale f16, zero u4, columns apart 5 f16",
    "i4 [4, 16], scale f16, columns scaled bf16",
    "i4 [1, 32], scale f16, columns rotated 16",
    "i4 [1, 32], scale f16, columns rotated 32, columns ordered, columns "
    "rotated 8",
    "u4 [1, 16], scale f16, add f16, columns scaled f16, columns apart 3 (i8 "
    "[*, 1], scale f32), columns ordered, columns apart 2 f32",
    "codebook [-1, -0.25, 0.25, 1] [96], scale f32, columns ordered, columns "
    "scaled f8E4M3FN, columns apart 1 bf16",
    "i8 [128, 128] partial, scale f32, columns ordered, columns ordered",
};

} // namespace

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

TEST(Columns, TextsRoundTrip) {
  for (const char *text : chains) {
    Format f = format(text);
    EXPECT_EQ(format(printFormat(f)), f) << text;
    EXPECT_FALSE(f.columns.empty());
    EXPECT_NE(withoutColumns(f), f);
    EXPECT_TRUE(withoutColumns(f).columns.empty());
  }
  EXPECT_EQ(printFormat(format("i4[32],scale f16,round up exact,columns "
                               "apart 8 (f16),columns   rotated 64")),
            "i4 [1, 32], scale f16, round up exact, columns apart 8 f16, "
            "columns rotated 64");
  EXPECT_EQ(printFormat(format("f16, columns ordered")),
            "f16, columns ordered");
  EXPECT_NE(format("f16, columns apart 4 f16"),
            format("f16, columns apart 4 f32"));
  EXPECT_NE(format("f16, columns apart 4 f16"),
            format("f16, columns apart 5 f16"));
}

TEST(Columns, ErrorsPointAtTheCharacter) {
  const std::pair<const char *, const char *> cases[] = {
      {"f16, columns sorted",
       "expects 'ordered', 'apart', 'scaled' or 'rotated', but got 'sorted'"},
      {"f16, columns rotated 48",
       "expects a power of two from 2 to 32768, but got '48'"},
      {"f16, columns apart f16",
       "expects a number of columns from 1 to 65534, but got 'f16'"},
      {"f16, columns scaled i8",
       "expects a float of 8, 16 or 32 bits for the scales of columns, but "
       "got i8"},
      {"f16, columns scaled f4E2M1FN",
       "expects a float of 8, 16 or 32 bits for the scales of columns, but "
       "got f4E2M1FN"},
      {"f16, columns ordered, round even",
       "expects 'columns', but got 'round'"},
      {"f16, columns apart 2 codebook [1, 2] signs",
       "expects a codebook of vectors or with signs only for the weights "
       "themselves, but got one for their scales"},
      {"i4 [32], scale (u6 [8], scale f16, columns ordered)",
       "expects ')', since only the weights themselves have column "
       "transforms, but got 'columns'"},
  };
  const char *const marked[] = {"sorted",   "48",    "f16,",     "i8",
                                "f4E2M1FN", "round", "codebook", "columns o"};
  for (size_t i = 0; i < std::size(cases); ++i) {
    auto [text, message] = cases[i];
    Failure failure = failureOf(text);
    EXPECT_EQ(failure.message, message);
    size_t place = std::string(text).rfind(
        i == 2 ? "f16" : marked[i]); // the second f16 is at fault
    EXPECT_EQ(failure.offset, place) << text;
  }
  std::string many = "f16";
  for (int i = 0; i < 9; ++i)
    many += ", columns ordered";
  EXPECT_EQ(failureOf(many).message,
            "expects at most 8 column transforms, but got more");
}

TEST(Columns, ShapesThatDoNotFit) {
  auto problem = [](const char *text, int64_t rows, int64_t cols) {
    return checkShape(format(text), rows, cols).message();
  };
  EXPECT_EQ(problem("f16, columns rotated 64", 2, 96),
            "expects columns divisible by 64 (columns rotated), but got 96");
  EXPECT_EQ(problem("f16, columns apart 8 f16", 2, 8),
            "expects more than 8 columns (columns apart), but got 8");
  EXPECT_EQ(problem("f16, columns apart 8 (i8 [4, 1], scale f16)", 2, 16),
            "columns apart: expects rows divisible by 4 (one 'scale' a block), "
            "but got 2");
  EXPECT_EQ(problem("f16, columns ordered", 2, 65536),
            "expects at most 65535 columns (columns ordered), but got 65536");
  EXPECT_EQ(problem("f16, columns ordered", 2, 65535), "");
  EXPECT_EQ(problem("f16, columns scaled f16", 2, 65536), "");
}

TEST(Columns, BitsCountThePlanes) {
  // 16 bits an index or scale; of 100 rows they are a hundredth each.
  EXPECT_DOUBLE_EQ(bitsPerElement(format("i4, columns ordered"), 100, 64),
                   4 + 0.16);
  EXPECT_DOUBLE_EQ(
      bitsPerElement(format("i4, columns scaled f8E4M3FN"), 100, 64), 4 + 0.08);
  EXPECT_DOUBLE_EQ(bitsPerElement(format("i4, columns rotated 8"), 100, 64), 4);
  EXPECT_DOUBLE_EQ(bitsPerElement(format("i4, columns apart 8 f16"), 100, 64),
                   4 + 8 * (16 + 100 * 16) / 6400.0);
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Encodes and decodes, and compares with naiveDecode.
static void checkDecode(const std::string &text, int64_t rows, int64_t cols,
                        Solver solver, unsigned seed) {
  SCOPED_TRACE(text + " of " + std::to_string(rows) + "x" +
               std::to_string(cols));
  Format f = format(text);
  EncodeOptions options;
  options.solver = solver;
  std::vector<float> x = unevenColumns(rows, cols, seed);
  Result<CodedTensor> coded = encodeRows(f, x, rows, cols, options);
  ASSERT_TRUE(coded) << coded.status().message();
  std::vector<float> decoded = decodeRows(f, *coded);
  Matrix naive = naiveDecode(f, *coded);
  for (size_t i = 0; i < decoded.size(); ++i) {
    const std::vector<double> &row = naive[i / size_t(cols)];
    double size = 0; // of what a rotation may mix
    for (double value : row)
      size = std::max(size, std::fabs(value));
    ASSERT_NEAR(decoded[i], row[i % size_t(cols)], 1e-6 * size) << "at " << i;
  }
}

TEST(Columns, DecodeIsTheProductOfTheMatrices) {
  for (const char *text : chains)
    for (Solver solver : {Solver::Plain, Solver::Mse})
      checkDecode(text, 8, 96, solver, 7);
}

TEST(Columns, RandomChainsBehindRandomFormats) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    RandomFormat drawn = FormatGenerator(seed).draw();
    std::mt19937 random(seed);
    for (int links = 1 + int(random() % 4); links > 0; --links)
      switch (random() % 4) {
      case 0:
        drawn.text += ", columns ordered";
        break;
      case 1:
        drawn.text += ", columns apart " + std::to_string(1 + random() % 5) +
                      (random() % 2 ? " f16" : " (i6 [*, 1], scale bf16)");
        break;
      case 2:
        drawn.text += random() % 2 ? ", columns scaled f16"
                                   : ", columns scaled f8E8M0FNU";
        break;
      default:
        if (drawn.cols % 8 == 0)
          drawn.text +=
              random() % 2 ? ", columns rotated 8" : ", columns rotated 4";
      }
    checkDecode(drawn.text, drawn.rows, drawn.cols,
                random() % 2 ? Solver::Mse : Solver::Plain, seed);
  }
}

/// With elements that lose nothing, every chain gives back what came in.
TEST(Columns, EncodingUndoesDecoding) {
  const int64_t rows = 6, cols = 64;
  std::vector<float> x = unevenColumns(rows, cols, 11);
  for (const char *chain :
       {", columns ordered", ", columns apart 7 f32", ", columns scaled f16",
        ", columns rotated 64",
        ", columns scaled f32, columns rotated 8, columns ordered, columns "
        "apart 4 f32, columns rotated 32, columns ordered"}) {
    std::vector<float> back =
        through(format("f32" + std::string(chain)), x, rows, cols);
    for (size_t i = 0; i < x.size(); ++i) {
      double size = 0;
      for (int64_t c = 0; c < cols; ++c)
        size =
            std::max(size, std::fabs(double(x[i / cols * cols + size_t(c)])));
      ASSERT_NEAR(back[i], x[i], 1e-6 * size) << chain << " at " << i;
    }
  }
  // Nothing is rounded where values are only moved.
  EXPECT_EQ(through(format("f32, columns ordered, columns apart 7 f32"), x,
                    rows, cols),
            x);
}

TEST(Columns, OrderIsByEnergyThenByNumber) {
  // Columns of energy 1, 4, 4, 0, 9.
  std::vector<float> x = {1, 0, 2, 0, 3, 0, 2, 0, 0, 0};
  Format f = format("f32, columns ordered");
  Result<CodedTensor> coded = encodeRows(f, x, 2, 5);
  ASSERT_TRUE(coded);
  EXPECT_EQ(coded->planes.at("order.code").codes,
            (std::vector<int32_t>{4, 1, 2, 0, 3}));
  EXPECT_EQ(coded->planes.at("code").codes[0],
            ScalarValues().bitcastI(3.0f)); // row 0 of column 4
  // Weights change nothing: a scale must fit the values.
  std::vector<float> weights = {100, 1, 2, 1, 0};
  EncodeOptions options;
  options.columnWeights = weights;
  Result<CodedTensor> weighted = encodeRows(f, x, 2, 5, options);
  EXPECT_EQ(weighted->planes.at("order.code").codes,
            coded->planes.at("order.code").codes);
}

TEST(Columns, TheColumnsOfMostEnergyAreKeptApart) {
  std::vector<float> x = {1, -50, 2, 0, 3, 0, 40, 0};
  Format f = format("i8 [1, *], scale f32, columns apart 2 f16");
  Result<CodedTensor> coded = encodeRows(f, x, 2, 4);
  ASSERT_TRUE(coded);
  EXPECT_EQ(coded->planes.at("apart.column.code").codes,
            (std::vector<int32_t>{1, 2}));
  // What is left has no outliers: 1 and 3 are the largest of their rows.
  EXPECT_EQ(coded->planes.at("code").codes,
            (std::vector<int32_t>{127, 0, 0, 0, 127, 0, 0, 0}));
  EXPECT_EQ(decodeRows(f, *coded), x);
  std::vector<float> weights = {10000, 0, 1, 1};
  EncodeOptions options;
  options.columnWeights = weights;
  coded = encodeRows(f, x, 2, 4, options);
  EXPECT_EQ(coded->planes.at("apart.column.code").codes,
            (std::vector<int32_t>{0, 2}));
}

TEST(Columns, ScalesBalanceColumnsAndHaveMeanOne) {
  // Mean squares 1, 16, 0, 256: fourth roots 1, 2, none, 4 over their mean.
  std::vector<float> x = {1, 4, 0, 16, -1, 4, 0, 16};
  Format f = format("f32, columns scaled f32");
  Result<CodedTensor> coded = encodeRows(f, x, 2, 4);
  ASSERT_TRUE(coded);
  std::vector<float> scales = decodedPart(f, *coded, {ColumnRole::Scale, 0});
  double mean = 7.0 / 3;
  EXPECT_EQ(scales, (std::vector<float>{float(1 / mean), float(2 / mean), 1,
                                        float(4 / mean)}));
  // A column that counts sixteen times as much gets half the scale, and so half
  // the error.
  EncodeOptions options;
  std::vector<float> weights = {1, 16, 1, 0};
  options.columnWeights = weights;
  coded = encodeRows(f, x, 2, 4, options);
  EXPECT_EQ(decodedPart(f, *coded, {ColumnRole::Scale, 0}),
            (std::vector<float>{1, 1, 1, 1}));
}

TEST(Columns, WeightsFollowTheColumns) {
  std::vector<float> x = {1, 2, 3, 4}, weights = {8, 4, 2, 1};
  RowReader read = [&](int64_t begin, int64_t end, Span<float> rows) {
    std::copy(x.begin() + begin * 4, x.begin() + end * 4, rows.begin());
    return Status::ok();
  };
  auto weightsOf = [&](const char *chain) {
    Result<ColumnView> view = ColumnView::create(
        format("f32, columns " + std::string(chain)), read, 1, 4, weights);
    EXPECT_TRUE(view) << chain;
    return view->weights();
  };
  EXPECT_EQ(weightsOf("ordered"), (std::vector<float>{1, 2, 4, 8}));
  // Weighted energies 8, 16, 18, 16.
  EXPECT_EQ(weightsOf("apart 1 f32"), (std::vector<float>{8, 4, 0, 1}));
  EXPECT_EQ(weightsOf("rotated 2"), (std::vector<float>{6, 6, 1.5, 1.5}));
  Result<ColumnView> scaled = ColumnView::create(
      format("f32, columns scaled f32"), read, 1, 4, weights);
  for (size_t c = 0; c < 4; ++c) {
    float scale = scaled->data()[0].scales[c];
    EXPECT_EQ(scaled->weights()[c], weights[c] * (scale * scale));
  }
}

/// What transforms are for, and that the search minimises the error of W, not
/// of D.
TEST(Columns, TransformsAndTheSearchLowerTheErrorOfTheWhole) {
  const int64_t rows = 32, cols = 128;
  std::vector<float> x = unevenColumns(rows, cols, 3, 0.5f);
  std::vector<float> uneven = normalValues(size_t(cols), 5);
  for (float &weight : uneven)
    weight = weight * weight;
  auto errorOf = [&](const std::string &text, Solver solver,
                     const std::vector<float> &weights) {
    EncodeOptions options;
    options.solver = solver;
    options.columnWeights = weights;
    std::vector<float> back = through(format(text), x, rows, cols, options);
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double rest = double(back[i]) - x[i];
      sum += weights[i % size_t(cols)] * rest * rest;
    }
    return sum;
  };
  std::string base = "i4 [1, 32], scale f16";
  std::vector<float> even(size_t(cols), 1.0f);
  // An order does not know of weights.
  for (auto [chain, weights] : {std::pair(", columns ordered", &even),
                                std::pair(", columns apart 8 f16", &uneven),
                                std::pair(", columns scaled f16", &uneven)}) {
    double rtn = errorOf(base + chain, Solver::Plain, *weights);
    EXPECT_LT(rtn, errorOf(base, Solver::Plain, *weights)) << chain;
    EXPECT_LT(errorOf(base + chain, Solver::Mse, *weights), rtn) << chain;
  }
}

TEST(Columns, ReadingInPiecesGivesTheSameData) {
  const int64_t rows = 2000, cols = 96;
  std::vector<float> x = unevenColumns(rows, cols, 9);
  RowReader read = [&](int64_t begin, int64_t end, Span<float> out) {
    std::copy(x.begin() + begin * cols, x.begin() + end * cols, out.begin());
    return Status::ok();
  };
  Format f = format("i4 [1, 32], scale f16, columns scaled f16, columns apart "
                    "3 f16, columns ordered");
  Result<ColumnView> view = ColumnView::create(f, read, rows, cols);
  ASSERT_TRUE(view);
  std::vector<float> whole(x.size()), pieces(x.size());
  ASSERT_TRUE(view->read({}, 0, rows, whole));
  for (int64_t r = 0; r < rows; r += 16)
    ASSERT_TRUE(view->read({}, r, r + 16,
                           {pieces.data() + r * cols, size_t(16 * cols)}));
  EXPECT_EQ(whole, pieces);
}

TEST(Columns, WhatCannotBeCodedIsNamed) {
  std::vector<float> x(64, 1.0f);
  x[37] = NAN;
  EXPECT_EQ(
      encodeRows(format("f16, columns ordered"), x, 2, 32).status().message(),
      "expects finite values, but got others in column 5");
  EXPECT_EQ(
      encodeRows(format("i4 [32], scale f16, columns rotated 64"), x, 2, 32)
          .status()
          .message(),
      "expects columns divisible by 64 (columns rotated), but got 32");
  Format f = format("i4 [32], scale f16, columns ordered");
  Status status = checkLayout(makeDenseLayout(f, 2, 32), f, 2, 32);
  EXPECT_EQ(status.message(),
            "expects a format without column transforms, whose parts have "
            "layouts of their own, but got " +
                printFormat(f));
}

TEST(Columns, NamesOfParts) {
  Format f = format("f32, columns ordered, columns apart 2 f16, columns "
                    "rotated 2, columns ordered, columns scaled f16");
  for (ColumnPart part :
       {ColumnPart{ColumnRole::Order, 0}, ColumnPart{ColumnRole::Inverse, 3},
        ColumnPart{ColumnRole::Rest, 1}, ColumnPart{ColumnRole::Scale, 4},
        ColumnPart()}) {
    auto found = lookupColumnPart(f, columnPartName(f, part));
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, part);
  }
  EXPECT_EQ(columnPartName(f, {ColumnRole::Inverse, 3}), "order2.inverse");
  EXPECT_FALSE(lookupColumnPart(f, "order3"));
  EXPECT_FALSE(lookupColumnPart(f, "apart2.rest"));
  EXPECT_FALSE(lookupColumnPart(format("f32, columns ordered"), "apart"));
}

TEST(ColumnOrder, ColumnsAreSortedByTheirGroups) {
  auto orderOf = [](std::vector<int32_t> groups, int64_t groupCols) {
    std::vector<uint8_t> bytes;
    for (int32_t group : groups)
      for (unsigned i = 0; i < 4; ++i)
        bytes.push_back(uint8_t(uint32_t(group) >> (8 * i)));
    return orderByGroup(bytes, int64_t(groups.size()), groupCols);
  };
  auto order = orderOf({1, 0, 2, 0, 2, 1}, 2);
  ASSERT_TRUE(order.isOk()) << order.status().message();
  EXPECT_EQ(*order, (std::vector<int32_t>{1, 3, 0, 5, 2, 4}));
  PlaneCodes codes{2, 6, {10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25}};
  takeColumns(codes, *order);
  EXPECT_EQ(codes.codes, (std::vector<int32_t>{11, 13, 10, 15, 12, 14, 21, 23,
                                               20, 25, 22, 24}));
  EXPECT_EQ(*orderOf({0, 0, 0}, 0), (std::vector<int32_t>{0, 1, 2}));
  // The last group may be cut short.
  EXPECT_EQ(*orderOf({1, 0, 0}, 2), (std::vector<int32_t>{1, 2, 0}));
  EXPECT_EQ(orderOf({0, 2}, 1).status().message(),
            "expects groups from 0 to 1, but got 2 for column 1");
  EXPECT_EQ(orderOf({0, -1}, 1).status().message(),
            "expects groups from 0 to 1, but got -1 for column 1");
  EXPECT_EQ(orderOf({0, 0, 1, 0}, 2).status().message(),
            "expects 2 columns in each group, but got 3 in group 0");
  EXPECT_EQ(orderByGroup({}, 2, 1).status().message(),
            "expects the group of each of 2 columns, 4 bytes a column, but got "
            "0 bytes");
}
