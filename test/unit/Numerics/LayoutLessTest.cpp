// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Codes that are stored less a number, and parts that are read alone.

#include "LayoutTestUtil.h"

namespace quern::numerics {
namespace {

constexpr int64_t rows = 16, cols = 64;
const char *const format = "u4 [1, 32], scale f16, zero u4";
/// As GPTQ stores a weight: transposed, zero points less one.
const char *const transposed =
    "tile [*, *] 512B { code @0 row(16:32) col(8:4, 8:512) } + "
    "tile [*, *] 16B { zero @0 row(16:4) col(2:64) less 1 } + "
    "tile [*, *] 64B { scale @0 row(16:16) col(2:256) }";

CodedTensor codesFrom(int32_t least) {
  CodedTensor tensor = randomCodes(formatOf(format), rows, cols, 5);
  for (int32_t &zero : tensor.planes["zero"].codes)
    zero = std::max(zero, least);
  return tensor;
}

TEST(LayoutLess, StoresTheCodeLessTheNumber) {
  Format f = formatOf(format);
  Layout layout = layoutOf(transposed);
  EXPECT_EQ(printLayout(layout), transposed);
  ASSERT_TRUE(checkLayout(layout, f, rows, cols).isOk());
  CodedTensor tensor = codesFrom(1);
  std::vector<uint8_t> bytes(size_t(layoutBytes(layout, rows, cols)), 0);
  ASSERT_TRUE(packRows(layout, f, rows, cols, 0, tensor, bytes).isOk());
  const uint8_t *zeros = bytes.data() + segmentOffset(layout, 1, rows, cols);
  for (int64_t group = 0; group < 2; ++group)
    for (int64_t row = 0; row < rows; ++row) {
      int64_t nibble = group * rows + row;
      EXPECT_EQ(zeros[nibble / 2] >> (nibble % 2 * 4) & 15,
                tensor.planes["zero"].codes[size_t(row * 2 + group)] - 1);
    }
  auto back = unpackRows(layout, f, rows, cols, 0, rows, bytes);
  ASSERT_TRUE(back.isOk()) << back.status().message();
  expectSameCodes(*back, tensor);
}

TEST(LayoutLess, WhatHasNoPlaceIsAnError) {
  Format f = formatOf(format);
  Layout layout = layoutOf(transposed);
  CodedTensor tensor = codesFrom(1);
  tensor.planes["zero"].codes[7] = 0;
  std::vector<uint8_t> bytes(size_t(layoutBytes(layout, rows, cols)), 0);
  EXPECT_EQ(packRows(layout, f, rows, cols, 0, tensor, bytes).message(),
            "plane 'zero': expects codes of at least 1, because they are "
            "stored less 1, but got 0");
  bytes[size_t(segmentOffset(layout, 1, rows, cols))] = 0xF3;
  EXPECT_EQ(
      unpackRows(layout, f, rows, cols, 0, rows, bytes).status().message(),
      "plane 'zero': expects stored numbers of at most 14, because they "
      "are codes less 1, but got 15, which some programs take for 0 and "
      "others for 16");
}

TEST(LayoutLess, OnlyWholeUnsignedIntegers) {
  auto messageOf = [](const std::string &piece) {
    return checkLayout(layoutOf("tile [1, 32] 64B { scale @0; code @16 "
                                "col(32:8) " +
                                piece + " }"),
                       formatOf("i4 [1, 32], scale f16"), rows, cols)
        .message();
  };
  EXPECT_EQ(messageOf(""), "");
  EXPECT_EQ(messageOf("less 0"), "");
  EXPECT_EQ(messageOf("less 1"),
            "segment 0: plane 'code': expects 'less' on a piece with all bits "
            "of unsigned integers, and a number that they have, but got 'less "
            "1'");
  EXPECT_FALSE(checkLayout(layoutOf("tile [1, *] 64B { code @0 col(64:4) less "
                                    "16 }"),
                           formatOf("u4"), rows, cols)
                   .isOk());
  EXPECT_EQ(printLayout(layoutOf("tile [1, 1] 1B { code @0 less 0 }")),
            "tile [1, 1] 1B { code @0 }");
}

/// Tiles of all rows are written whole, but read in any rows.
TEST(LayoutLess, PartsOfATileAreReadAlone) {
  Format f = formatOf(format);
  Layout layout = layoutOf(transposed);
  EXPECT_EQ(rowGrain(layout, f, rows), rows);
  EXPECT_EQ(readGrain(f, rows), 1);
  CodedTensor tensor = codesFrom(1);
  std::vector<uint8_t> bytes(size_t(layoutBytes(layout, rows, cols)), 0);
  ASSERT_TRUE(packRows(layout, f, rows, cols, 0, tensor, bytes).isOk());
  auto part = unpackRows(layout, f, rows, cols, 3, 10, bytes);
  ASSERT_TRUE(part.isOk()) << part.status().message();
  expectSameCodes(*part, rowsOf(f, tensor, 3, 10));
}

} // namespace
} // namespace quern::numerics
