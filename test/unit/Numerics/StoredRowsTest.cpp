// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Rows of stored matrices and several of them as one: the codes are those
// of the rows.

#include "quern/Numerics/StoredRows.h"
#include "EncodeTestUtil.h"

using namespace quern;
using namespace quern::numerics;

namespace {

/// Segments of matrices that lie densely.
class Store {
public:
  Store(const Format &format, int64_t rows, int64_t cols)
      : format(format), rows(rows), cols(cols),
        layout(makeDenseLayout(format, rows, cols)) {}

  /// Adds a matrix of random numbers; returns what they are decoded to.
  std::vector<float> add(unsigned seed) {
    std::vector<float> values = normalValues(size_t(rows * cols), seed);
    Result<CodedTensor> coded = encodeRows(format, values, rows, cols);
    EXPECT_TRUE(coded) << coded.status().message();
    std::vector<uint8_t> &bytes = matrices.emplace_back(
        size_t(layoutBytes(layout, rows, cols)), uint8_t(0));
    Status status = packRows(layout, format, rows, cols, 0, *coded, bytes);
    EXPECT_TRUE(status.isOk()) << status.message();
    return decodeRows(format, *coded);
  }

  SegmentsOf segments() {
    return [this](int64_t index) -> Result<std::vector<Span<const uint8_t>>> {
      std::vector<Span<const uint8_t>> found;
      Span<const uint8_t> bytes = matrices[size_t(index)];
      for (size_t i = 0; i < layout.segments.size(); ++i)
        found.push_back(
            bytes.subspan(size_t(segmentOffset(layout, i, rows, cols)),
                          size_t(segmentBytes(layout, i, rows, cols))));
      return found;
    };
  }

  const Format &format;
  int64_t rows, cols;
  Layout layout;
  std::vector<std::vector<uint8_t>> matrices;
};

void append(std::vector<float> &to, const std::vector<float> &from,
            int64_t begin, int64_t count, int64_t cols) {
  to.insert(to.end(), from.begin() + begin * cols,
            from.begin() + (begin + count) * cols);
}

/// Reads `rows` rows `step` at a time; what they are decoded to.
std::vector<float> readAll(Store &store, const Format &format,
                           const StoredRows &stored, int64_t rows,
                           int64_t step) {
  Status status = checkStoredRows(stored, format, rows, store.cols);
  EXPECT_TRUE(status.isOk()) << status.message();
  std::vector<float> values;
  for (int64_t row = 0; row < rows; row += step) {
    auto coded =
        unpackStoredRows(store.layout, format, stored, rows, store.cols, row,
                         std::min(row + step, rows), store.segments());
    EXPECT_TRUE(coded) << coded.status().message();
    std::vector<float> part = decodeRows(format, *coded);
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

const char *const formats[] = {
    "u4 [1, 32], scale f16, zero u4",
    "i8 [*, *], scale f32",
    "nvfp4",
    "f8E4M3FN [8, 32], scale f32",
    "bnb_nf4",
    "q6_k",
};

TEST(StoredRows, OneRun) {
  for (const char *text : formats) {
    SCOPED_TRACE(text);
    Format f = format(text);
    Store store(f, 48, 256);
    std::vector<float> whole = store.add(1), expected;
    append(expected, whole, 16, 24, 256);
    StoredRows stored = {1, 48, 16, 24, 24};
    bool isFlat = f.isFlat;
    EXPECT_EQ(readAll(store, f, stored, 24, isFlat ? 24 : 8), expected);
  }
}

TEST(StoredRows, RunsApart) {
  for (const char *text : formats) {
    SCOPED_TRACE(text);
    Format f = format(text);
    Store store(f, 48, 256);
    std::vector<float> whole = store.add(2), expected;
    append(expected, whole, 8, 8, 256);
    append(expected, whole, 32, 8, 256);
    StoredRows stored = {1, 48, 8, 8, 24};
    bool isFlat = f.isFlat;
    EXPECT_EQ(readAll(store, f, stored, 16, isFlat ? 16 : 8), expected);
  }
}

TEST(StoredRows, SingleRowsApart) {
  Format f = format("mxfp4");
  Store store(f, 12, 64);
  std::vector<float> whole = store.add(3), expected;
  for (int64_t row = 1; row < 12; row += 2)
    append(expected, whole, row, 1, 64);
  EXPECT_EQ(readAll(store, f, {1, 12, 1, 1, 2}, 6, 4), expected);
}

TEST(StoredRows, SeveralMatrices) {
  for (const char *text : formats) {
    SCOPED_TRACE(text);
    Format f = format(text);
    Store store(f, 16, 256);
    std::vector<float> expected;
    for (unsigned i = 0; i < 3; ++i)
      append(expected, store.add(i + 4), 0, 16, 256);
    Format together = stackedFormat(f, 16);
    StoredRows stored = StoredRows::stack(48, 3);
    // Scales of all rows of a matrix are read with all of them.
    EXPECT_EQ(readAll(store, together, stored, 48, f.isFlat ? 48 : 16),
              expected);
  }
}

TEST(StoredRows, StackedFormats) {
  auto stacked = [](const char *text) {
    return printFormat(stackedFormat(format(text), 64));
  };
  EXPECT_EQ(stacked("i8 [*, *], scale f32"), "i8 [64, *], scale f32");
  EXPECT_EQ(stacked("f4E2M1FN [1, 16], scale (f8E4M3FN [*, *], scale f32)"),
            "f4E2M1FN [1, 16], scale (f8E4M3FN [64, *], scale f32)");
  EXPECT_EQ(stacked("f8E4M3FN [8, 32], scale (bf16 [*, *], scale f32)"),
            "f8E4M3FN [8, 32], scale (bf16 [8, *], scale f32)");
  EXPECT_EQ(stacked("bnb_nf4"), printFormat(format("bnb_nf4")));
}

TEST(StoredRows, Errors) {
  auto errorOf = [](const char *text, StoredRows stored, int64_t rows) {
    return checkStoredRows(stored, format(text), rows, 96).message();
  };
  const char *blocks = "f8E4M3FN [32, 32], scale f32";
  EXPECT_EQ(errorOf(blocks, {1, 96, 32, 32, 32}, 32), "");
  EXPECT_EQ(errorOf(blocks, {1, 96, 16, 32, 32}, 32),
            "expects parts that begin and end with blocks of 32 rows in plane "
            "'scale', but got one at row 16");
  EXPECT_EQ(errorOf(blocks, {1, 96, 0, 48, 48}, 48),
            "expects parts that begin and end with blocks of 32 rows in plane "
            "'scale', but got one at row 48");
  EXPECT_EQ(errorOf(blocks, StoredRows::stack(96, 2), 96),
            "expects parts that begin and end with blocks of 32 rows in plane "
            "'scale', but got one at row 48");
  EXPECT_EQ(errorOf("i8 [*, *], scale f32", StoredRows::stack(96, 2), 96),
            "expects blocks of at most the 48 rows of each matrix, but got one "
            "of all rows in plane 'scale'");
  EXPECT_EQ(errorOf("bnb_nf4", {1, 96, 0, 1, 1}, 1),
            "expects parts that begin and end with blocks of 64 elements, each "
            "row of 96, in plane 'scale', but got one at row 1");
  EXPECT_EQ(errorOf(blocks, {1, 96, 64, 32, 32}, 64),
            "expects at least 128 stored rows, but got 96");
}

} // namespace
