// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Digits with negative strides: places that sink as the digit grows.

#include "LayoutTestUtil.h"

namespace quern::numerics {
namespace {

/// As HQQ stores codes: the first half of the rows in the high halves of bytes.
const char *const halves =
    "tile [*, *] 16B { code @4 row(2:64, 2:-4) col(8:8) }";

std::string errorOf(const std::string &layout) {
  return checkLayout(layoutOf(layout), formatOf("u4"), 4, 8).message();
}

TEST(LayoutSink, FirstRowsInHighBits) {
  Format f = formatOf("u4");
  Layout layout = layoutOf(halves);
  EXPECT_EQ(printLayout(layout), halves);
  ASSERT_EQ(errorOf(halves), "");
  CodedTensor tensor = randomCodes(f, 4, 8, 3);
  std::vector<uint8_t> bytes(size_t(layoutBytes(layout, 4, 8)), 0);
  ASSERT_TRUE(packRows(layout, f, 4, 8, 0, tensor, bytes).isOk());
  const std::vector<int32_t> &codes = tensor.planes["code"].codes;
  for (size_t i = 0; i < 16; ++i)
    EXPECT_EQ(int32_t(bytes[i]), codes[i] << 4 | codes[i + 16]) << i;
  auto back = unpackRows(layout, f, 4, 8, 0, 4, bytes);
  ASSERT_TRUE(back.isOk()) << back.status().message();
  expectSameCodes(*back, tensor);
  // Rows of one half alone.
  auto last = unpackRows(layout, f, 4, 8, 3, 4, bytes);
  ASSERT_TRUE(last.isOk()) << last.status().message();
  EXPECT_EQ(last->planes["code"].codes,
            std::vector<int32_t>(codes.begin() + 24, codes.end()));
}

TEST(LayoutSink, PlacesOutsideTheTile) {
  EXPECT_EQ(errorOf("tile [*, *] 16B { code @0 row(2:64, 2:-4) col(8:8) }"),
            "segment 0: plane 'code': expects a bit of the tile for each code, "
            "but got bit 0 - 4, before it");
  EXPECT_EQ(errorOf("tile [*, *] 16B { code @4 row(2:64, 2:-400) col(8:8) }"),
            "segment 0: plane 'code', row 2: expects a bit of the tile, but "
            "got one before it");
}

TEST(LayoutSink, PlacesThatMeet) {
  EXPECT_NE(errorOf("tile [*, *] 16B { code @64 row(2:64, 2:-64) col(8:8) }"),
            "");
}

TEST(LayoutSink, OrdersDoNotSink) {
  EXPECT_EQ(parseLayout("tile [1, *] order(2:-1) 4B { code @0 col(8:4) }")
                .status()
                .message(),
            "expects an integer from 0 to 9007199254740992, but got '-'");
}

} // namespace
} // namespace quern::numerics
