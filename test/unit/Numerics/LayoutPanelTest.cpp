// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The CPU panel's text for the formats that kernels are generated from.

#include "LayoutTestUtil.h"

namespace quern::numerics {
namespace {

std::string panelText(const std::string &format, int64_t rows, int64_t cols) {
  Format parsed = formatOf(format);
  Layout layout = makeCpuPanelLayout(parsed, rows, cols);
  Status status = checkLayout(layout, parsed, rows, cols);
  EXPECT_TRUE(status.isOk()) << format << ": " << status.message();
  return printLayout(layout);
}

TEST(CpuPanel, Q4_0) {
  EXPECT_EQ(panelText("q4_0", 64, 32),
            "tile [16, 32] 288B { scale{0:16} @0 row(16:16); code{0:4} @256 "
            "row(16:32) col(4:8, 2:4, 4:512) flip }");
}

// Blocks share a tile where the width is whole tiles of so many.
TEST(CpuPanel, TilesOfWholeCacheLines) {
  EXPECT_EQ(panelText("q4_0", 64, 512),
            "tile [16, 128] 1152B { scale{0:16} @0 row(16:16) col(4:256); "
            "code{0:4} @1024 row(16:32) col(4:8, 2:4, 16:512) flip }");
  EXPECT_EQ(panelText("q4_0", 64, 192),
            "tile [16, 64] 576B { scale{0:16} @0 row(16:16) col(2:256); "
            "code{0:4} @512 row(16:32) col(4:8, 2:4, 8:512) flip }");
  EXPECT_EQ(panelText("int4_g128", 64, 512),
            "tile [16, 256] 2112B { scale{0:16} @0 row(16:16) col(2:256); "
            "code{0:4} @512 row(16:32) col(4:8, 2:4, 32:512) flip }");
}

TEST(CpuPanel, Q4_K) {
  EXPECT_EQ(panelText("q4_k", 64, 256),
            "tile [16, 256] 2368B { scale.scale{0:16} @0 row(16:16); "
            "min.scale{0:16} @256 row(16:16); scale{0:6} @512 row(16:8) "
            "col(8:128); min{0:6} @1536 row(16:8) col(8:128); code{0:4} @2560 "
            "row(16:32) col(4:8, 2:4, 32:512) }");
}

TEST(CpuPanel, Q6_K) {
  EXPECT_EQ(panelText("q6_k", 64, 256),
            "tile [16, 256] 3392B { scale.scale{0:16} @0 row(16:16); "
            "scale{0:8} @256 row(16:8) col(16:128); code{0:4} @2304 row(16:32) "
            "col(4:8, 2:4, 32:512); code{4:6} @18688 row(16:32) col(4:8, 4:2, "
            "16:512) flip }");
}

TEST(CpuPanel, Unscaled) {
  EXPECT_EQ(panelText("f32", 64, 100), "tile [16, 64] 4096B { code{0:32} @0 "
                                       "row(16:32) col(64:512) }");
  EXPECT_EQ(panelText("bf16", 64, 100), "tile [16, 64] 2048B { code{0:16} @0 "
                                        "row(16:32) col(2:16, 32:512) }");
}

TEST(CpuPanel, ScalesThatColumnsDoNotVary) {
  EXPECT_EQ(panelText("i8 [1, *], scale f32", 64, 172),
            "tile [16, *] 64B { scale{0:32} @0 row(16:32) } + tile [16, 64] "
            "1024B { code{0:8} @0 row(16:32) col(4:8, 16:512) flip }");
  EXPECT_EQ(panelText("f8E4M3FN [32, 32], scale f16", 64, 96),
            "tile [32, *] 6B { scale{0:16} @0 col(3:16) } + tile [16, 32] 512B "
            "{ code{0:8} @0 row(16:32) col(4:8, 8:512) }");
  EXPECT_EQ(panelText("i8 [*, *], scale f32", 64, 64),
            "tile [*, *] 4B { scale{0:32} @0 } + tile [16, 64] 1024B { "
            "code{0:8} @0 row(16:32) col(4:8, 16:512) flip }");
}

TEST(CpuPanel, OddWidthsAreCutIntoPowersOfTwo) {
  EXPECT_EQ(
      panelText("i3 [1, 48], scale (u5 [1, 6], scale f16)", 16, 288),
      "tile [16, 288] 1856B { scale.scale{0:16} @0 row(16:16); scale{0:5} "
      "@256 row(16:8) col(6:128); code{0:2} @1024 row(16:32) col(4:8, 4:2, "
      "18:512); code{2:3} @10240 row(16:32) col(4:8, 8:1, 9:512) flip }");
  // A block that is no whole number of steps: the last step is padded.
  EXPECT_EQ(panelText("i5 [1, 36], scale f16", 16, 36),
            "tile [16, 36] 480B { scale{0:16} @0 row(16:16); code{0:4} @256 "
            "row(16:32) col(4:8, 2:4, 5:512); code{4:5} @2816 row(16:32) "
            "col(4:8, 8:1, 2:512) flip }");
  // A block shorter than a step is repeated until it fills one.
  EXPECT_EQ(panelText("i4 [1, 2], scale f16", 16, 8),
            "tile [16, 8] 192B { scale{0:16} @0 row(16:16) col(4:256); "
            "code{0:4} @1024 row(16:32) col(4:8, 2:4) flip }");
}

} // namespace
} // namespace quern::numerics
