// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Texts of formats: canonical form, error messages and their places, the
// registry.

#include "quern/Numerics/FormatDiagnostics.h"
#include "gtest/gtest.h"

using namespace quern;
using namespace quern::numerics;

static const FormatRegistry &registry() { return FormatRegistry::builtin(); }

/// Parses and prints.
static std::string canonical(const std::string &text) {
  Result<Format> format = parseFormat(text, registry());
  return format ? printFormat(*format) : "error: " + format.status().message();
}

static std::string errorOf(const std::string &text) {
  return parseFormat(text, registry()).status().message();
}

TEST(FormatText, EveryShippedFormatRoundTrips) {
  ASSERT_GE(registry().names().size(), 30u);
  for (const std::string &name : registry().names()) {
    const Format &format = *registry().lookup(name);
    Result<Format> again = parseFormat(printFormat(format), registry());
    ASSERT_TRUE(again) << name << ": " << again.status().message();
    EXPECT_EQ(*again, format) << name;
  }
}

TEST(FormatText, CanonicalFormStatesOnlyWhatDiffersFromTheDefault) {
  EXPECT_EQ(canonical("f16"), "f16");
  EXPECT_EQ(canonical("i4[32],scale f16"), "i4 [1, 32], scale f16");
  EXPECT_EQ(canonical("i8 [*, *], scale f32 from amax / 127"),
            "i8 [*, *], scale f32");
  EXPECT_EQ(canonical("i8 [1, 32], scale f32 from amax / 128"),
            "i8 [1, 32], scale f32 from amax / 128");
  EXPECT_EQ(canonical("u4 [1, 32], scale (u6 [8], scale f16) from range / 15,"
                      " min ((u6 [8], scale f16))"),
            "error: expects an element: i1 to i16, u1 to u16, r3 to r255, "
            "codebook, f32, "
            "bf16, f16, f8E5M2, f8E4M3, f8E3M4, f8E4M3FN, f8E5M2FNUZ, "
            "f8E4M3FNUZ, f8E4M3B11FNUZ, f8E8M0FNU, f6E3M2FN, f6E2M3FN, "
            "f4E2M1FN, but got '('");
  EXPECT_EQ(canonical("u4 [32], scale (u6 [8], scale f16) from range / 15, min "
                      "(u6 [8], scale f16)"),
            "u4 [1, 32], scale (u6 [1, 8], scale f16), min (u6 [1, 8], scale "
            "f16)");
  EXPECT_EQ(canonical("f4E2M1FN [32], scale f8E8M0FNU from amax / 4 up_from "
                      "1.75"),
            "f4E2M1FN [1, 32], scale f8E8M0FNU from amax / 4 up_from 1.75");
  EXPECT_EQ(canonical("i4 [32], scale f16 from max / -8, round up exact"),
            "i4 [1, 32], scale f16 from max / -8, round up exact");
  EXPECT_EQ(canonical("i8, round away"), "i8, round away");
}

TEST(FormatText, CodebooksAreNamedIfBuiltInAndWrittenOutElse) {
  Format format = *registry().lookup("nf4");
  EXPECT_EQ(printFormat(format), "codebook @nf4 [1, 64], scale f32");
  EXPECT_EQ(registry().lookupCodebook("nf4")->values.size(), 16u);
  EXPECT_EQ(canonical("codebook [-1, -0.1, 0.30000001192092896, 1] [8], scale "
                      "f32"),
            "codebook [-1, -0.1, 0.3, 1] [1, 8], scale f32");
}

TEST(FormatText, VectorsAndSigns) {
  EXPECT_EQ(canonical("codebook [[0, 1], [1, -2]] [4], scale f16"),
            "codebook [[0, 1], [1, -2]] [1, 4], scale f16");
  EXPECT_EQ(canonical("codebook [1, 3] {01 11} signs [2], scale f16"),
            "codebook [[1, 3], [3, 3]] signs [1, 2], scale f16");
  EXPECT_EQ(canonical("codebook @iq2xxs signs even [32], scale f16"),
            "codebook @iq2xxs signs even [1, 32], scale f16");
  const Element &element = registry().lookup("iq3_xxs")->element;
  EXPECT_EQ(element.vectorSize(), 4u);
  EXPECT_EQ(element.bits, 8u);
  EXPECT_EQ(errorOf("codebook [[0, 1], [1]] [4], scale f16"),
            "expects vectors of 2 values, as the first, but got 1");
  EXPECT_EQ(errorOf("codebook [1, 3] {02} [4], scale f16"),
            "expects digits below 2, the number of values, but got '02'");
  EXPECT_EQ(errorOf("codebook [1, 3] {000 111} [6], scale f16"),
            "expects vectors of 1, 2, 4, 8 or 16 values, but got 3");
  EXPECT_EQ(errorOf("codebook @iq2xxs signs even [4], scale f16"),
            "expects a block of a multiple of 8 columns, for vectors and signs "
            "of that many, but got 4");
  EXPECT_EQ(
      errorOf("u4 [32], scale (codebook [[0, 1], [1, 2]] [2], scale f16)"),
      "expects a codebook of vectors or with signs only for the weights "
      "themselves, but got one for their scales");
}

TEST(FormatText, FactorsAddendsAndLevels) {
  EXPECT_EQ(canonical("u4*2+1 [32], scale f16"),
            "u4 * 2 + 1 [1, 32], scale f16");
  EXPECT_EQ(canonical("r3 - 1 [32], scale f16"), "r3 - 1 [1, 32], scale f16");
  EXPECT_EQ(canonical("u4 * -0.5 [32], scale f16"),
            "u4 * -0.5 [1, 32], scale f16");
  EXPECT_EQ(errorOf("i4 - 1 [32], scale f16"),
            "expects an unsigned integer before '*', '+' and '-', but got i4");
  EXPECT_EQ(errorOf("u16 * 0.1 [32], scale f16"),
            "expects a factor that is not zero and values that are exact in "
            "f32, but got * 0.1");
  EXPECT_EQ(errorOf("u2 * 0 [32], scale f16"),
            "expects a factor that is not zero and values that are exact in "
            "f32, but got * 0");
}

TEST(FormatText, OffsetsOfTheirOwnAndDivisors) {
  EXPECT_EQ(canonical("i8 [16, 16] partial, scale f32"),
            "i8 [16, 16] partial, scale f32");
  EXPECT_EQ(errorOf("i8 [16], scale (u8 [4] partial, scale f32)"),
            "expects 'partial' only behind the block of weights without "
            "vectors and signs, but got it elsewhere");
  EXPECT_EQ(canonical("u2 [16], scale f16, zero [8] codebook [-0.5, 0.5]"),
            "u2 [1, 16], scale f16, zero [1, 8] codebook [-0.5, 0.5]");
  EXPECT_EQ(canonical("u2 [16], scale f16, zero [16] u2"),
            "u2 [1, 16], scale f16, zero u2");
  EXPECT_EQ(errorOf("u2 [16], scale f16, zero [5] u2"),
            "expects a block that divides that of the scale, but got [5]");
  EXPECT_EQ(canonical("f4E2M1FN [16], scale (f8E4M3FN [*, *], divisor f32)"),
            "f4E2M1FN [1, 16], scale (f8E4M3FN [*, *], divisor f32)");
  EXPECT_EQ(canonical("i8 [4], scale (i8 [4], scale f32, mean f32)"),
            "i8 [1, 4], scale (i8 [1, 4], scale f32, mean f32)");
}

TEST(FormatText, RulesThatDependOnTheElement) {
  Result<Format> q8 = registry().resolve("q8_0");
  ASSERT_TRUE(q8);
  EXPECT_EQ(q8->scaleRule.divisor, 127);
  Result<Format> asymmetric = registry().resolve("int4_g128_asym");
  ASSERT_TRUE(asymmetric);
  EXPECT_EQ(asymmetric->scaleRule.statistic, ScaleStatistic::Range);
  EXPECT_EQ(asymmetric->scaleRule.divisor, 15);
  Result<Format> fp8 = registry().resolve("fp8_channel");
  ASSERT_TRUE(fp8);
  EXPECT_EQ(fp8->scaleRule.divisor, 448);
}

namespace {
struct BadText {
  const char *text;
  size_t offset;
  const char *message;
};
} // namespace

static const BadText badTexts[] = {
    {"i4 [1, 32]", 10, "expects ', scale' after a block, but got the end"},
    {"i4 [1, 0], scale f16", 7,
     "expects a block extent from 1 to 2^31, or '*', but got '0'"},
    {"i4 [1, 32, 4], scale f16", 9, "expects ']' after a block, but got ','"},
    {"i4 [32], scale f16 from mean / 8", 24,
     "expects 'amax', 'max' or 'range', but got 'mean'"},
    {"i4 [32], scale f16 from amax", 28,
     "expects '/' and a divisor, but got the end"},
    {"i4 [32], scale f16 from amax / 0", 31,
     "expects a divisor that is not zero in f32, but got 0"},
    {"i4 [32], scale f16 from amax / 7 up_from 3", 41,
     "expects a threshold from 1 to 2, but got 3"},
    {"i4 [32], scale f8E8M0FNU from max / -8", 15,
     "expects a scale that can be negative for this rule, but got f8E8M0FNU"},
    {"i4 [32], scale f16, maximum f16", 20,
     "expects 'min', 'add', 'zero', 'mean', 'round' or 'columns', but got "
     "'maximum'"},
    {"i4 [32], scale f16, round down", 26,
     "expects 'even', 'away' or 'up', but got 'down'"},
    {"f4E2M1FN [32], scale f16, round away", 32,
     "expects 'even' for an element that is not an integer, but got 'away'"},
    {"i8, round even exact", 15,
     "expects a scale before 'exact', but got none"},
    {"i4 [32], scale f16 f16", 19,
     "expects the end of the format, but got 'f16'"},
    {"i4 [32], scale (u6 [8], scale f16", 33, "expects ')', but got the end"},
    {"codebook @nope [32], scale f32", 10,
     "expects the name of a codebook, but got 'nope'"},
    {"codebook [1, 2, 3] [32], scale f32", 10,
     "expects a codebook of 2, 4, 8, ... or 256 values, but got 3"},
    {"codebook [1, inf] [32], scale f32", 13,
     "expects a finite number, but got 'inf'"},
    {"i4 [2147483648], scale (u6 [1024], scale f16)", 33,
     "expects at most 2^40 elements along a block's axis, but got more"},
};

TEST(FormatText, ErrorsSayWhatAndWhere) {
  for (const BadText &bad : badTexts) {
    size_t offset = 999;
    Result<Format> format = parseFormat(bad.text, registry(), &offset);
    ASSERT_FALSE(format) << bad.text;
    EXPECT_EQ(format.status().message(), bad.message) << bad.text;
    EXPECT_EQ(offset, bad.offset) << bad.text;
  }
}

TEST(FormatText, DeepNestingIsRefused) {
  std::string text = "u4 [2], scale f32";
  for (int i = 0; i < 20; ++i)
    text = "u4 [2], scale (" + text + ")";
  EXPECT_EQ(canonical(text),
            "error: expects at most 8 levels of scales, but got more");
}

TEST(FormatText, NoTextCrashesTheParser) {
  // Every prefix and every single-character deletion of a long text.
  std::string text = "u4 [1, 32], scale (u6 [1, 8], scale f16 from max / -8 "
                     "up_from 1.5) from range / 15, zero (codebook [0, 1] [8],"
                     " scale f32), round away exact";
  ASSERT_EQ(canonical(text).substr(0, 2), "u4");
  for (size_t i = 0; i < text.size(); ++i) {
    (void)canonical(text.substr(0, i));
    (void)canonical(text.substr(0, i) + text.substr(i + 1));
  }
}

TEST(FormatRegistry, NamesAreFoundInAnyCase) {
  EXPECT_NE(registry().lookup("Q4_K"), nullptr);
  EXPECT_EQ(registry().lookup("Q4_K"), registry().lookup("q4_k"));
  EXPECT_EQ(registry().lookup("q4_z"), nullptr);
  EXPECT_EQ(registry().nameOf(*registry().lookup("Q4_K")), "q4_k");
  Result<Format> unknown = registry().resolve("q4_z");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.status().message().find(
                "expects the name or text of a format, but got 'q4_z'; known "
                "names are f32, f16, bf16, "),
            0u);
}

TEST(FormatRegistry, FilesAddToTheShippedOnes) {
  FormatRegistry mine = registry();
  Status good = mine.addText("# mine\n\ncodebook three = [-1, 0, 1, 2]\n"
                             "t = codebook @three [1, 4], scale f16 # why\n",
                             "my.txt");
  ASSERT_TRUE(good) << good.message();
  Result<Format> format = mine.resolve("T");
  ASSERT_TRUE(format);
  // Elsewhere nobody knows the name of the codebook.
  EXPECT_EQ(printFormat(*format), "codebook [-1, 0, 1, 2] [1, 4], scale f16");
}

TEST(FormatRegistry, ErrorsNameTheLineAndColumn) {
  FormatRegistry mine = registry();
  EXPECT_EQ(mine.addText("\n  a = i4 [8], scale f17\n", "f").message(),
            "f:2:21: expects an element: i1 to i16, u1 to u16, r3 to r255, "
            "codebook, f32, "
            "bf16, f16, f8E5M2, f8E4M3, f8E3M4, f8E4M3FN, f8E5M2FNUZ, "
            "f8E4M3FNUZ, f8E4M3B11FNUZ, f8E8M0FNU, f6E3M2FN, f6E2M3FN, "
            "f4E2M1FN, but got 'f17'\n"
            "    a = i4 [8], scale f17\n"
            "                      ^");
  EXPECT_EQ(mine.addText("F16 = i8", "f").message(),
            "f:1:1: expects a new name, but 'F16' is already f16\n"
            "  F16 = i8\n"
            "  ^");
  EXPECT_EQ(mine.addText("codebook nf4 = [0, 1]", "f").message(),
            "f:1:10: expects a new name, but codebook 'nf4' exists already\n"
            "  codebook nf4 = [0, 1]\n"
            "           ^");
  EXPECT_EQ(mine.addText("x i8", "f").message(),
            "f:1:3: expects '=' after the name of a format, but got 'i8'\n"
            "  x i8\n"
            "    ^");
  EXPECT_EQ(mine.addFile("/nonexistent").code(), StatusCode::NotFound);
}

TEST(FormatDiagnostics, OptionsPointAtTheCharacter) {
  EXPECT_EQ(
      resolveOption(registry(), "i4 [1 32], scale f16").status().message(),
      "expects ']' after a block, but got '32'\n"
      "  i4 [1 32], scale f16\n"
      "        ^");
  // All of a name is wrong.
  EXPECT_EQ(resolveOption(registry(), "q4_z").status().message().find('\n'),
            std::string::npos);
  EXPECT_TRUE(resolveOption(registry(), "i4 [1, 32], scale f16"));
}

TEST(FormatDiagnostics, LongTextsAreCutAroundTheCharacter) {
  std::string dots(100, '.'), dashes(200, '-');
  EXPECT_EQ(pointAt(dots + "!" + dashes, 100),
            "\n  ..." + std::string(60, '.') + "!" + std::string(29, '-') +
                "...\n  " + std::string(63, ' ') + "^");
  EXPECT_EQ(pointAt("abc", 3), "\n  abc\n     ^");
  // Columns are characters, not bytes, and a tab has the width of a space.
  EXPECT_EQ(pointAt("\tné!", 4), "\n   né!\n     ^");
}

TEST(Format, PlanesAndBlocks) {
  const Format &format = *registry().lookup("q4_k");
  std::vector<Plane> planes = planesOf(format);
  ASSERT_EQ(planes.size(), 5u);
  const char *paths[] = {"code", "scale", "scale.scale", "min", "min.scale"};
  int64_t widths[] = {1, 32, 256, 32, 256};
  for (size_t i = 0; i < planes.size(); ++i) {
    EXPECT_EQ(planes[i].path, paths[i]);
    EXPECT_EQ(planes[i].granule, (BlockShape{1, widths[i]}));
  }
  EXPECT_EQ(outermostBlock(format), (BlockShape{1, 256}));
  EXPECT_EQ(bitsPerElement(format, 4, 512), 4.5);
  Format tensor = *registry().lookup("nvfp4");
  EXPECT_EQ(outermostBlock(tensor), (BlockShape{0, 0}));
  EXPECT_EQ(bitsPerElement(tensor, 2, 32), 4.5 + 32.0 / 64);
}

TEST(Format, ShapesThatBlocksDoNotDivide) {
  const Format &format = *registry().lookup("q4_k");
  EXPECT_TRUE(checkShape(format, 3, 512));
  EXPECT_EQ(checkShape(format, 3, 64).message(),
            "expects columns divisible by 256 (one 'scale.scale' a block), but "
            "got 64");
  EXPECT_EQ(checkShape(format, 0, 256).message(),
            "expects at least one row and column, but got 0x256");
  EXPECT_EQ(
      checkShape(*parseFormat("i8 [128, 128], scale f32", registry()), 100, 128)
          .message(),
      "expects rows divisible by 128 (one 'scale' a block), but got 100");
}
