// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Transcodings: what is decided, and that exact ones are exact, there and
// back, for every pair of formats that Quern names.

#include "quern/Numerics/Transcode.h"
#include "EncodeTestUtil.h"
#include "RandomFormat.h"
#include "quern/Numerics/Decode.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

using namespace quern;
using namespace quern::numerics;

static Transcoding between(const std::string &from, const std::string &to) {
  return classifyTranscoding(format(from), format(to));
}

//===----------------------------------------------------------------------===//
// Codes at random
//===----------------------------------------------------------------------===//

/// Extreme codes in turn with random ones: the first and the last of all and
/// of the finite ones, both zeros, the smallest numbers of both signs.
static int32_t drawCode(const Element &e, std::mt19937 &random) {
  ScalarValues v;
  for (;;) {
    uint32_t drawn = random();
    auto bits = uint32_t((uint64_t(1) << e.bits) - 1);
    int32_t code = int32_t(drawn & bits);
    if (e.kind == ElementKind::Int) {
      int64_t low = lowestCodeOf(e), high = highestCodeOf(e);
      code = int32_t(low + int64_t(drawn % uint64_t(high - low + 1)));
      if (random() % 4 == 0)
        code = int32_t(random() % 2 ? low : high);
      return code;
    }
    if (e.kind == ElementKind::Codebook)
      return code % int32_t(e.codebook.values.size() / e.codebook.vectorSize);
    const FloatType &t = *e.floatType;
    int32_t sign = random() % 2 ? signMaskOf(t) : 0;
    switch (random() % 8) {
    case 0:
      code = sign; // zero, or the least power of two
      break;
    case 1:
      code = sign | 1; // the least subnormal number
      break;
    case 2:
      code = sign | int32_t((1u << t.mantissaBits) - 1); // the largest of them
      break;
    case 3:
      code = sign | maxFiniteCodeOf(t);
      break;
    }
    if (std::isfinite(decodeFloat(v, t, code)))
      return code;
  }
}

/// A tensor of random codes: all finite, and so are decoded scales. If it is to
/// be `small`, so are decoded values.
static CodedTensor drawTensor(const Format &f, int64_t rows, int64_t cols,
                              std::mt19937 &random, bool isSmall) {
  CodedTensor coded;
  coded.rows = rows;
  coded.cols = cols;
  for (const Plane &plane : planesOf(f)) {
    BlockShape shape = planeShape(plane, rows, cols);
    PlaneCodes codes{shape.rows, shape.cols, {}};
    // The range of binary32 may be left with scales of that range; with half
    // of its exponents it is not.
    bool isDeep = plane.path.find('.') != std::string::npos;
    const FloatType *type = plane.element->floatType;
    bool isWide = type && type->exponentBits == 8;
    for (int64_t i = 0; i < shape.rows * shape.cols; ++i) {
      int32_t code = drawCode(*plane.element, random);
      if (isWide && f.isScaled() && (isDeep || isSmall))
        code &= ~(1 << (type->mantissaBits + 7));
      codes.codes.push_back(code);
    }
    coded.planes[plane.path] = codes;
  }
  return coded;
}

static bool sameNumber(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (a == 0 && b == 0);
}

/// A shape that the blocks of both divide.
static std::pair<int64_t, int64_t> commonShape(const Format &a,
                                               const Format &b) {
  BlockShape x = commonBlock(a), y = commonBlock(b);
  int64_t rows = std::lcm(x.rows, y.rows);
  int64_t cols = std::lcm(std::lcm(x.cols, y.cols), int64_t(32));
  return {rows == 1 ? 3 : rows, std::max<int64_t>(cols, 256)};
}

static bool isFinite(const std::vector<float> &values) {
  return std::all_of(values.begin(), values.end(),
                     [](float x) { return std::isfinite(x); });
}

/// Codes of `a` to `b`: equal numbers. Returns the codes in `b`, nothing if the
/// numbers leave the range of binary32 and `b` cannot say so.
static CodedTensor checkExact(const Format &a, const Format &b,
                              const CodedTensor &coded) {
  Result<CodedTensor> moved =
      transcodeCodes(classifyTranscoding(a, b), a, b, coded);
  std::vector<float> before = decodeRows(a, coded);
  if (!isFinite(before) && (!b.isScaled() || !moved)) {
    EXPECT_FALSE(moved);
    return CodedTensor();
  }
  EXPECT_TRUE(moved) << printFormat(a) << " to " << printFormat(b) << ": "
                     << moved.status().message();
  if (!moved)
    return CodedTensor();
  std::vector<float> after = decodeRows(b, *moved);
  EXPECT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    if (std::isnan(before[i]) || sameNumber(before[i], after[i]))
      continue;
    ADD_FAILURE() << printFormat(a) << " to " << printFormat(b) << ": element "
                  << i << " was " << before[i] << ", but is " << after[i];
    break;
  }
  return *moved;
}

//===----------------------------------------------------------------------===//
// The matrix
//===----------------------------------------------------------------------===//

TEST(Transcode, ExactPairsOfNamedFormatsAreExactThereAndBack) {
  const FormatRegistry &registry = FormatRegistry::builtin();
  std::mt19937 random(7);
  int exact = 0, back = 0;
  for (const std::string &nameA : registry.names())
    for (const std::string &nameB : registry.names()) {
      const Format &a = *registry.lookup(nameA), &b = *registry.lookup(nameB);
      if (!classifyTranscoding(a, b).isExact() || !a.columns.empty())
        continue;
      ++exact;
      SCOPED_TRACE(nameA + " to " + nameB);
      auto [rows, cols] = commonShape(a, b);
      CodedTensor coded = drawTensor(a, rows, cols, random, !b.isScaled());
      CodedTensor moved = checkExact(a, b, coded);
      if (classifyTranscoding(b, a).isExact() && !moved.planes.empty()) {
        ++back;
        CodedTensor again = checkExact(b, a, moved);
        std::vector<float> before = decodeRows(a, coded);
        std::vector<float> after = decodeRows(a, again);
        for (size_t i = 0; i < before.size(); ++i)
          ASSERT_TRUE(std::isnan(before[i]) || sameNumber(before[i], after[i]));
      }
    }
  // Each of the formats with itself, and more than as many pairs again.
  EXPECT_GT(exact, 300);
  EXPECT_GT(back, 70);
}

TEST(Transcode, RandomFormatsToNamedOnesAreExact) {
  const FormatRegistry &registry = FormatRegistry::builtin();
  std::mt19937 random(11);
  int exact = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    RandomFormat drawn = FormatGenerator(seed).draw();
    Format a = format(drawn.text);
    SCOPED_TRACE(drawn.text);
    EXPECT_TRUE(classifyTranscoding(a, a).isLayoutOnly);
    for (const std::string &name : registry.names()) {
      const Format &b = *registry.lookup(name);
      if (!checkShape(b, drawn.rows, drawn.cols) ||
          !classifyTranscoding(a, b).isExact())
        continue;
      ++exact;
      checkExact(a, b,
                 drawTensor(a, drawn.rows, drawn.cols, random, !b.isScaled()));
    }
  }
  EXPECT_GT(exact, 30);
}

//===----------------------------------------------------------------------===//
// Decisions
//===----------------------------------------------------------------------===//

static std::string kindOf(const std::string &from, const std::string &to) {
  return transcodingKindName(between(from, to).kind);
}

TEST(Transcode, LayoutOnlyWhereOnlyEncodersDiffer) {
  EXPECT_EQ(between("q4_0", "int4_g32").text(),
            "exact, by layout only: all codes as they are");
  EXPECT_FALSE(between("q4_0", "q5_0").isLayoutOnly);
}

TEST(Transcode, SignedCodesGetAZeroPoint) {
  Format from = format("q4_0"), to = format("int4_g32_asym");
  Transcoding found = classifyTranscoding(from, to);
  EXPECT_EQ(found.text(), "exact: codes + 8, zero point 8; scales as they are");
  int32_t zero = 0;
  std::vector<CodeChange> table = codeTable(found, from, to, false, 0, &zero);
  ASSERT_EQ(table.size(), 16u);
  EXPECT_EQ(zero, 8);
  for (CodeChange change : table)
    EXPECT_EQ(change.to, change.from + 8);
}

TEST(Transcode, NegativeScalesFlipCodes) {
  std::string symmetric = "r3 - 1 [32], scale i4";
  EXPECT_EQ(kindOf(symmetric, "r3 - 1 [32], scale u4"), "exact");
  // -4 has no opposite.
  EXPECT_EQ(kindOf("i3 [32], scale i4", "i3 [32], scale u4"), "bounded");
  Format from = format("i4 [32], scale i4");
  Format to = format("u4 [32], scale u4, zero u4");
  Transcoding found = classifyTranscoding(from, to);
  ASSERT_TRUE(found.isExact()) << found.text();
  int32_t zero = 0;
  std::vector<CodeChange> table = codeTable(found, from, to, true, 0, &zero);
  EXPECT_EQ(zero, 7);
  for (CodeChange change : table)
    EXPECT_EQ(change.to, 7 - change.from);
  std::mt19937 random(3);
  checkExact(from, to, drawTensor(from, 4, 64, random, false));
  checkExact(format(symmetric), format("r3 - 1 [32], scale u4"),
             drawTensor(format(symmetric), 4, 64, random, false));
}

TEST(Transcode, PowersOfTwoBecomeFloats) {
  EXPECT_EQ(kindOf("mxfp4", "f4E2M1FN [32], scale f32"), "exact");
  EXPECT_EQ(kindOf("mxfp4", "f4E2M1FN [32], scale bf16"), "exact");
  Transcoding lost = between("mxfp4", "f4E2M1FN [32], scale f16");
  EXPECT_EQ(lost.kind, TranscodingKind::Bounded);
  EXPECT_NE(lost.text().find("has no code in f16"), std::string::npos);
}

TEST(Transcode, FactorsMoveBetweenElementsAndScales) {
  // Halves become integers, and a scale its half.
  EXPECT_EQ(between("mxfp4", "int8_g32").text(),
            "exact: 16 codes by a table, values times 2; scales in f32, times "
            "1/2");
  // The least binary32 has no half.
  EXPECT_EQ(kindOf("f4E2M1FN [32], scale f32", "int8_g32"), "bounded");
}

TEST(Transcode, CodebooksWithEqualTables) {
  EXPECT_EQ(kindOf("nf4", "bnb_nf4"), "exact");
  EXPECT_EQ(kindOf("nf4", "codebook @nf4 [32], scale f32"), "exact");
  EXPECT_EQ(kindOf("nf4", "fp4"), "bounded");
  EXPECT_EQ(kindOf("codebook [-1, 0, 1, 2] [64], scale f16", "q8_0"), "exact");
}

TEST(Transcode, SignsGoWithTheirCodes) {
  std::mt19937 random(9);
  for (auto [from, to] : std::vector<std::pair<const char *, const char *>>{
           {"codebook @iq3s signs", "codebook @iq3s signs"},
           {"codebook @iq3s signs", "f16"},
           {"iq3_s", "codebook @iq3s signs [32], scale f32"}}) {
    Format a = format(from), b = format(to);
    ASSERT_TRUE(classifyTranscoding(a, b).isExact()) << from << " to " << to;
    checkExact(a, b, drawTensor(a, 4, 256, random, true));
  }
  // Four magnitudes in place of a number: they would have to be found.
  EXPECT_EQ(kindOf("f16", "codebook @iq3s signs"), "impossible");
}

TEST(Transcode, BlocksMayShrinkButNotGrow) {
  EXPECT_EQ(kindOf("i4 [32], scale f16", "i4 [16], scale f16"), "exact");
  EXPECT_EQ(kindOf("i4 [1, *], scale f16", "i4 [128], scale f16"), "exact");
  EXPECT_EQ(kindOf("i4 [16, 32], scale f16", "i4 [32], scale f16"), "exact");
  EXPECT_EQ(between("i4 [32], scale f16", "i4 [128], scale f16").details,
            std::vector<std::string>{
                "one scale for [1, 128] in place of one scale for [1, 32]"});
  EXPECT_EQ(kindOf("i4 [32], scale f16", "i4 [48], scale f16"), "bounded");
  EXPECT_EQ(kindOf("i4 [1, *], scale f16", "i4 [64] flat, scale f16"),
            "bounded");
  EXPECT_EQ(kindOf("i4 [64] flat, scale f16", "i4 [32], scale f16"), "exact");
  EXPECT_EQ(kindOf("i4 [64] flat, scale f16", "i4 [32] partial, scale f16"),
            "bounded");
}

TEST(Transcode, ScalesOfScalesAreMultipliedOut) {
  EXPECT_EQ(kindOf("bnb_nf4_nested", "bnb_nf4"), "exact");
  EXPECT_EQ(kindOf("nvfp4", "f4E2M1FN [16], scale f32"), "exact");
  EXPECT_EQ(kindOf("f4E2M1FN [16], scale f8E4M3FN", "nvfp4"), "exact");
  EXPECT_EQ(kindOf("nvfp4", "nvfp4_divisor"), "bounded");
  // 63 times 11 bits do not fit 11 bits.
  EXPECT_EQ(kindOf("iq4_xs", "iq4_nl"), "bounded");
}

TEST(Transcode, OffsetsStayOffsets) {
  EXPECT_EQ(kindOf("u4 [32], scale f16, min f16", "q4_1"), "exact");
  EXPECT_EQ(kindOf("u4 [32], scale f16", "q4_1"), "exact");
  EXPECT_EQ(kindOf("q4_1", "int4_g32_asym"), "bounded");
  EXPECT_EQ(kindOf("int4_g32_asym", "q4_1"), "bounded");
  EXPECT_EQ(kindOf("q4_1", "f32"), "exact");
  EXPECT_EQ(kindOf("int4_g32_asym", "int5_g32"), "exact");
}

TEST(Transcode, NumbersGetScalesOfOne) {
  std::mt19937 random(5);
  for (auto [from, to] : std::vector<std::pair<const char *, const char *>>{
           {"f4E2M1FN [16], scale f8E4M3FN", "nvfp4_divisor"},
           {"u4 [32], scale f16, min f16",
            "u4 [32], scale f16, add (f16 [1, 4], scale f32)"},
           {"f16", "f16 [1, *], scale f32"}}) {
    Format a = format(from), b = format(to);
    ASSERT_TRUE(classifyTranscoding(a, b).isExact()) << from;
    checkExact(a, b, drawTensor(a, 4, 256, random, false));
  }
  EXPECT_EQ(between("u4 [32], scale f16, min f16",
                    "u4 [32], scale f16, add (f16 [1, 4], scale f32)")
                .text(),
            "exact: codes as they are; scales as they are; offsets, level by "
            "level");
}

TEST(Transcode, ColumnsStay) {
  EXPECT_EQ(kindOf("int4_g128_act_order",
                   "u4 [64], scale f16, zero u4, columns ordered"),
            "exact");
  EXPECT_EQ(kindOf("int4_g128_act_order", "int4_g128_asym"), "bounded");
  for (auto [from, to] : std::vector<std::pair<const char *, const char *>>{
           {"int4_g128_act_order",
            "u4 [64], scale f16, zero u4, columns ordered"},
           {"int8_outliers", "i8 [64], scale f32, columns apart 8 f16"},
           {"int4_g32_scaled", "i8 [32], scale f16, columns scaled f16"}}) {
    Format a = format(from), b = format(to);
    ASSERT_TRUE(classifyTranscoding(a, b).isExact()) << from;
    checkExact(a, b, *encodeRows(a, normalValues(8 * 256), 8, 256));
  }
}

TEST(Transcode, NothingIsPromisedWhereZeroIsAsGood) {
  EXPECT_EQ(kindOf("q8_0", "q1_0"), "impossible");
  EXPECT_EQ(kindOf("q8_0", "iq2_xxs"), "impossible");
}

TEST(Transcode, BoundsHold) {
  for (const char *name : {"q4_k", "q5_k", "q2_k", "q6_k", "nvfp4", "q4_0"}) {
    Transcoding found = between("q8_0", name);
    ASSERT_EQ(found.kind, TranscodingKind::Bounded) << name;
    Format f = format(name);
    for (unsigned seed = 1; seed < 20; ++seed) {
      std::vector<float> values = normalValues(1024, seed);
      std::vector<float> after = through(f, values, 4, 256);
      float largest = 0, error = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        largest = std::max(largest, std::fabs(values[i]));
        error = std::max(error, std::fabs(values[i] - after[i]));
      }
      EXPECT_LE(error, found.bound.at(largest)) << name;
    }
  }
}

TEST(Transcode, WhatHasNoCodeIsAnError) {
  Format from = format("bnb_nf4_nested"), to = format("bnb_nf4");
  CodedTensor coded;
  coded.rows = 1;
  coded.cols = 64;
  coded.planes["code"] = {1, 64, std::vector<int32_t>(64, 0)};
  coded.planes["scale"] = {1, 1, {255}};
  coded.planes["scale.scale"] = {1, 1, {0x7F7FFFFF}};
  coded.planes["scale.mean"] = {1, 1, {0x7F7FFFFF}};
  Result<CodedTensor> moved =
      transcodeCodes(classifyTranscoding(from, to), from, to, coded);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.status().message(),
            "expects a scale with a code, but got inf for row 0, column 0");
  moved = transcodeCodes(between("q8_0", "q4_0"), format("q8_0"),
                         format("q4_0"), coded);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.status().message().find(
                "expects an exact transcoding from i8 [1, 32], scale f16"),
            0u);
}
