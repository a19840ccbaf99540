// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Rows of tiles in another order, and segments that lie apart.

#include "LayoutTestUtil.h"

namespace quern::numerics {
namespace {

constexpr int64_t rows = 24, cols = 64, head = 12;
const char *const plain =
    "tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) flip }";
/// The rows of heads of 12, halves interleaved.
const char *const ordered = "tile [1, 32] order(6:2, 2:1) 18B { scale @0; code "
                            "@16 col(16:8, 2:4) flip }";

std::vector<uint8_t> packed(const Layout &layout, const Format &format,
                            const CodedTensor &tensor) {
  std::vector<uint8_t> bytes(
      size_t(layoutBytes(layout, tensor.rows, tensor.cols)), 0);
  Status status =
      packRows(layout, format, tensor.rows, tensor.cols, 0, tensor, bytes);
  EXPECT_TRUE(status.isOk()) << status.message();
  return bytes;
}

TEST(LayoutOrder, RowsLieWhereTheDigitsSay) {
  Format format = formatOf("q4_0");
  Layout layout = layoutOf(ordered);
  EXPECT_EQ(printLayout(layout), ordered);
  EXPECT_NE(layout, layoutOf(plain));
  ASSERT_TRUE(checkLayout(layout, format, rows, cols).isOk());
  EXPECT_EQ(rowGrain(layout, format, rows), head);
  CodedTensor tensor = randomCodes(format, rows, cols, 3);
  std::vector<uint8_t> inOrder = packed(layoutOf(plain), format, tensor);
  std::vector<uint8_t> moved = packed(layout, format, tensor);
  constexpr int64_t rowBytes = 36;
  for (int64_t row = 0; row < rows; ++row) {
    // Row (head, half, k) lies at (head, k, half).
    int64_t half = row % head / 6, k = row % 6;
    int64_t place = row / head * head + k * 2 + half;
    EXPECT_TRUE(std::equal(inOrder.begin() + row * rowBytes,
                           inOrder.begin() + (row + 1) * rowBytes,
                           moved.begin() + place * rowBytes))
        << row;
  }
  std::vector<uint8_t> back(inOrder.size());
  ASSERT_TRUE(
      convertLayout(layout, layoutOf(plain), format, rows, cols, moved, back)
          .isOk());
  EXPECT_EQ(back, inOrder);
}

TEST(LayoutOrder, AddressesAndOriginsAreInverse) {
  Format format = formatOf("q4_0");
  Layout layout = layoutOf(ordered);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < cols; col += 7) {
      BitOrigin origin{"code", row, col, 2};
      int64_t address = bitAddress(layout, format, rows, cols, origin);
      BitOrigin found = bitOrigin(layout, format, rows, cols, address);
      EXPECT_EQ(found.row, row);
      EXPECT_EQ(found.col, col);
      EXPECT_EQ(found.bit, 2u);
    }
}

TEST(LayoutOrder, FaultyOrders) {
  auto messageOf = [](const std::string &order) {
    return checkLayout(layoutOf("tile [1, 32] order" + order +
                                " 18B { scale @0; code @16 col(32:4) }"),
                       formatOf("q4_0"), rows, cols)
        .message();
  };
  EXPECT_EQ(messageOf("(6:2, 2:1)"), "");
  EXPECT_EQ(messageOf("(5:2, 2:1)"),
            "segment 0: expects an order of at most 65536 rows of tiles, a "
            "divisor of all 24, but got 10");
  EXPECT_EQ(messageOf("(1099511627776:1, 1099511627776:1)"),
            "segment 0: expects an order of at most 65536 rows of tiles, a "
            "divisor of all 24, but got 9223372036854775807");
  EXPECT_EQ(messageOf("(6:2, 2:2)"),
            "segment 0: expects an order that gives each of 12 rows of tiles a "
            "place of its own, but got none for row 6");
  EXPECT_EQ(messageOf("(6:9007199254740992, 2:1)"),
            "segment 0: expects an order that gives each of 12 rows of tiles a "
            "place of its own, but got none for row 1");
}

TEST(LayoutOrder, SegmentsMayLieApart) {
  Format format = formatOf("q4_0");
  Layout layout = makeDenseLayout(format, rows, cols);
  CodedTensor tensor = randomCodes(format, rows, cols, 4);
  std::vector<uint8_t> whole = packed(layout, format, tensor);
  std::vector<std::vector<uint8_t>> parts;
  for (size_t i = 0; i < layout.segments.size(); ++i) {
    auto begin = whole.begin() + segmentOffset(layout, i, rows, cols);
    parts.emplace_back(begin, begin + segmentBytes(layout, i, rows, cols));
  }
  std::vector<Span<const uint8_t>> segments(parts.begin(), parts.end());
  auto read = [&](int64_t begin, int64_t end) {
    return unpackSegments(layout, format, rows, cols, begin, end, segments);
  };
  auto some = read(3, 20);
  ASSERT_TRUE(some.isOk()) << some.status().message();
  expectSameCodes(*some, rowsOf(format, tensor, 3, 20));
  segments[1] = segments[1].subspan(0, segments[1].size() - 1);
  EXPECT_EQ(read(0, rows).status().message(),
            "segment 1: expects 96 bytes, but got 95");
  segments.pop_back();
  EXPECT_EQ(read(0, rows).status().message(), "expects 2 segments, but got 1");
}

} // namespace
} // namespace quern::numerics
