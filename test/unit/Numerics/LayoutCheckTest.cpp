// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The proof of bijectivity rejects every fault, and says which.

#include "LayoutTestUtil.h"

namespace quern::numerics {
namespace {

std::string checkMessage(const std::string &layout, const std::string &format,
                         int64_t rows = 4, int64_t cols = 64) {
  return checkLayout(layoutOf(layout), formatOf(format), rows, cols).message();
}

TEST(LayoutCheck, AcceptsRightLayouts) {
  EXPECT_EQ(checkMessage("tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) "
                         "flip }",
                         "q4_0"),
            "");
  // Bits of a plane may be spread over segments; axes may be whole.
  EXPECT_EQ(checkMessage("tile [*, *] 64B { code{0:2} @0 row(4:128) col(64:2) }"
                         " + tile [2, 32] 20B { code{2:4} @32 row(2:64) "
                         "col(32:2); scale @0 row(2:16) }",
                         "q4_0"),
            "");
}

TEST(LayoutCheck, Overlap) {
  EXPECT_EQ(
      checkMessage("tile [1, 32] 18B { scale @0; code @12 col(32:4) }", "q4_0"),
      "segment 0: expects a place of its own for plane 'code', row 0, "
      "col 0, bit 0, but got bit 12 of the tile, the place of plane "
      "'scale', row 0, col 0, bit 12");
  EXPECT_EQ(
      checkMessage("tile [1, 32] 18B { scale @0; code @16 col(32:3) }", "q4_0"),
      "segment 0: expects a place of its own for plane 'code', row 0, "
      "col 1, bit 0, but got bit 19 of the tile, the place of plane "
      "'code', row 0, col 0, bit 3");
}

TEST(LayoutCheck, Hole) {
  EXPECT_EQ(
      checkMessage("tile [1, 32] 18B { scale @0; code{0:3} @16 col(32:4) }",
                   "q4_0"),
      "plane 'code': expects one place for bit 3 of a code, but got 0");
  EXPECT_EQ(checkMessage("tile [1, 32] 18B { code @16 col(32:4) }", "q4_0"),
            "plane 'scale': expects one place for bit 0 of a code, but got 0");
  EXPECT_EQ(
      checkMessage("tile [1, 32] 18B { scale @0; code @16 col(16:8) }", "q4_0"),
      "segment 0: plane 'code', col 16: has no place, expects digits "
      "that reach 32 codes of a tile, but got 16");
}

TEST(LayoutCheck, TwoPlaces) {
  EXPECT_EQ(checkMessage("tile [1, 32] 18B { scale @0; code @16 col(32:4) } + "
                         "tile [1, 64] 32B { code{3:4} @0 col(64:4) }",
                         "q4_0"),
            "plane 'code': expects one place for bit 3 of a code, but got 2");
}

TEST(LayoutCheck, OutOfTile) {
  EXPECT_EQ(
      checkMessage("tile [1, 32] 18B { scale @0; code @20 col(32:4) }", "q4_0"),
      "segment 0: plane 'code', row 0, col 31, bit 3: expects a bit "
      "below 144, the end of the tile, but got bit 20 + 127");
  EXPECT_EQ(
      checkMessage("tile [1, 32] 18B { scale @0; code @16 col(32:1099511627776)"
                   " }",
                   "q4_0"),
      "segment 0: plane 'code', col 1: expects a bit below 144, the end of the "
      "tile, but got one beyond");
}

TEST(LayoutCheck, WrongPieces) {
  EXPECT_EQ(checkMessage("tile [1, 32] 18B { scale @0; codes @16 col(32:4) }",
                         "q4_0"),
            "segment 0: expects a plane of the format, one of 'code', 'scale', "
            "but got 'codes'");
  EXPECT_EQ(
      checkMessage("tile [1, 32] 18B { scale @0; code{0:5} @16 col(32:4) }",
                   "q4_0"),
      "segment 0: plane 'code': expects bits within {0:4}, but got {0:5}");
  EXPECT_EQ(
      checkMessage("tile [1, 32] 18B { scale @0; code{0:2} @16 col(32:4) flip "
                   "}",
                   "q4_0"),
      "segment 0: plane 'code': expects 'flip' on the piece that holds bit 3, "
      "but got it on {0:2}");
  EXPECT_EQ(
      checkMessage("tile [1, 16] 10B { scale @0; code @16 col(16:4) }", "q4_0"),
      "segment 0: expects tiles that hold whole codes of plane 'scale', "
      "each for 32 cols, but got tiles of 16 cols");
}

TEST(LayoutCheck, UnreasonableSizes) {
  EXPECT_EQ(checkMessage("tile [1, 32] 999999999B { scale @0; code @16 "
                         "col(32:4) }",
                         "q4_0"),
            "segment 0: expects a tile of at most 4240 bytes, 8 times what its "
            "codes need and 4096, but got 999999999");
  EXPECT_EQ(checkMessage("tile [1, 999999936] 18B { scale @0; code @16 "
                         "col(32:4) }",
                         "q4_0"),
            "segment 0: expects a tile of 1 to 65536 cols, but got 999999936");
  EXPECT_EQ(checkMessage("tile [1, 32] 18B { scale @0; code @16 col(32:4) }",
                         "q4_0", int64_t(1) << 40, 64),
            "expects a matrix of 1 to 2^40 elements, but got [1099511627776, "
            "64]");
}

TEST(LayoutCheck, FlippingOneNumberOfAShippedLayoutIsNoticed) {
  // Every base and stride of every shipped layout, off by one bit.
  for (const std::string &name : layoutNames()) {
    Format format = formatOf(name);
    const Layout &right = *lookupLayout(name);
    for (size_t i = 0; i < right.segments[0].pieces.size(); ++i) {
      Layout wrong = right;
      ++wrong.segments[0].pieces[i].base;
      EXPECT_FALSE(checkLayout(wrong, format, 1, 256).isOk()) << name << i;
      for (size_t d = 0; d < right.segments[0].pieces[i].cols.size(); ++d) {
        wrong = right;
        ++wrong.segments[0].pieces[i].cols[d].stride;
        EXPECT_FALSE(checkLayout(wrong, format, 1, 256).isOk()) << name << i;
      }
    }
  }
}

TEST(LayoutText, ErrorsSayWhatAndWhere) {
  struct Case {
    std::string text, message;
    size_t offset;
  };
  std::vector<Case> cases = {
      {"", "expects 'tile', but got the end of the text", 0},
      {"tiles [1, 1] 1B { code @0 }", "expects 'tile', but got 'tiles'", 0},
      {"tile 1", "expects '[', but got '1'", 5},
      {"tile [0, 1] 1B { code @0 }",
       "expects an integer from 1 to 1099511627776, but got '0'", 6},
      {"tile [1, 1] 1 { code @0 }", "expects 'B', but got '{'", 14},
      {"tile [1, 1] 1B { }", "expects the name of a plane, but got '}'", 17},
      {"tile [1, 1] 1B { code @0 row(2) }", "expects ':', but got ')'", 30},
      {"tile [1, 1] 1B { code{4:4} @0 }",
       "expects an integer from 5 to 32, but got '4'", 24},
      {"tile [1, 1] 1B { code @0 flop }", "expects ';' or '}', but got 'flop'",
       25},
      {"tile [1, 1] 1B { code @0 } x",
       "expects '+' or the end of the layout, but got 'x'", 27},
      {"tile [99999999999999999999, 1] 1B { code @0 }",
       "expects an integer from 1 to 1099511627776, but got "
       "'99999999999999999999'",
       6},
  };
  for (const Case &c : cases) {
    size_t offset = ~size_t(0);
    auto layout = parseLayout(c.text, &offset);
    ASSERT_FALSE(layout.isOk()) << c.text;
    EXPECT_EQ(layout.status().message(), c.message) << c.text;
    EXPECT_EQ(offset, c.offset) << c.text;
  }
}

} // namespace
} // namespace quern::numerics
