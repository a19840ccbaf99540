// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Flat formats: blocks of the matrix taken as one row, cut short at its
// end, against a definition that is written out here.

#include "EncodeTestUtil.h"
#include "quern/Numerics/AlignBlocks.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

static std::string canonical(const std::string &text) {
  Result<Format> parsed = parseFormat(text, FormatRegistry::builtin());
  return parsed ? printFormat(*parsed) : parsed.status().message();
}

TEST(FlatFormat, Texts) {
  EXPECT_EQ(canonical("i4 [64] flat, scale f16"), "i4 [1, 64] flat, scale f16");
  EXPECT_EQ(canonical("u4 [*] flat, scale (u8 [16], scale f16), zero [8] f16"),
            "u4 [1, *] flat, scale (u8 [1, 16], scale f16), zero [1, 8] f16");
  EXPECT_EQ(canonical("u4 [16] flat, scale f16, zero [5] f16"),
            "expects a block that divides that of the scale, but got [5]");
  EXPECT_EQ(canonical("u4 [16] flat, scale (u8 [*], scale f16), zero [8] f16"),
            "u4 [1, 16] flat, scale (u8 [1, *], scale f16), zero [1, 8] f16");
  EXPECT_EQ(canonical("i4 [64] flat, scale (u8 [*, 8], scale f16)"),
            "i4 [1, 64] flat, scale (u8 [1, 8], scale f16)");
  EXPECT_EQ(canonical("i4 [2, 64] flat, scale f16"),
            "expects a block of 1 row before 'flat', but got 2");
  EXPECT_EQ(canonical("i4 [64] flat, scale (u8 [2, 8], scale f16)"),
            "expects a block of 1 row below a flat one, but got 2");
  EXPECT_EQ(canonical("i4 [64] flat, scale (u8 [8] flat, scale f16)"),
            "expects 'flat' only behind the block of weights without vectors "
            "and signs, but got it elsewhere");
  EXPECT_EQ(canonical("codebook [[0, 1], [1, 0]] [8] flat, scale f16"),
            "expects 'flat' only behind the block of weights without vectors "
            "and signs, but got it elsewhere");
}

TEST(FlatFormat, Shapes) {
  Format flat = format("i4 [6] flat, scale (i8 [4], scale f32)");
  std::vector<Plane> planes = planesOf(flat);
  for (auto [index, codes] : {std::pair<int, int64_t>{0, 35}, {1, 6}, {2, 2}})
    EXPECT_EQ(planeShape(planes[index], 5, 7), (BlockShape{1, codes}));
  EXPECT_TRUE(checkShape(flat, 5, 7));
  EXPECT_DOUBLE_EQ(bitsPerElement(flat, 5, 7), (35 * 4 + 6 * 8 + 2 * 32) / 35.);
  // Three rows of 8 are one block of 24; with 9 columns, eight are three.
  EXPECT_EQ(codingGrain(flat, 100, 8), 3);
  EXPECT_EQ(codingGrain(flat, 100, 9), 8);
  EXPECT_EQ(codingGrain(flat, 2, 9), 2);
  EXPECT_EQ(codingGrain(format("i4 [*] flat, scale f32"), 100, 8), 100);
  EXPECT_EQ(checkShape(flat, int64_t(1) << 30, int64_t(1) << 30).message(),
            "expects a matrix of at most 2^40 elements, but got "
            "1073741824x1073741824");
  // A block that is larger than the tensor costs nothing; two that end
  // together only far behind it would.
  EXPECT_TRUE(checkShape(format("i4 [2147483648] flat, scale f32"), 5, 7));
  EXPECT_EQ(checkShape(format("u4 [10007] flat, scale (u8 [3], scale f32), "
                              "min (u8 [7], scale f32)"),
                       1000, 1000)
                .message(),
            "");
  EXPECT_EQ(checkShape(format("u4 [10007] flat, scale (u8 [90], scale f32), "
                              "min (u8 [7], scale f32)"),
                       1000, 1000)
                .message(),
            "expects blocks of all levels that end together within twice the "
            "1000000 elements, but got blocks of 900630 and of 70049");
}

//===----------------------------------------------------------------------===//
// The definition
//===----------------------------------------------------------------------===//

namespace {
/// Codes one row of values level by level, block by block; the last block of a
/// level is as long as what is left.
struct Definition {
  ScalarValues v;
  std::map<std::string, std::vector<int32_t>> planes;

  /// Returns the decoded values.
  std::vector<float> code(const Format &f, const std::string &path,
                          std::vector<float> x, const ScaleRule *rule) {
    std::vector<int32_t> &codes = planes[path.empty() ? "code" : path];
    std::vector<float> decoded;
    if (!f.isScaled()) {
      for (float value : x) {
        codes.push_back(
            rule ? encodeScale(v, f.element, *rule, f.codeRounding, value)
                 : encodeElement(v, f.element, f.codeRounding, value));
        decoded.push_back(decodeElement(v, f.element, codes.back()));
      }
      return decoded;
    }
    const size_t width = f.block.cols ? size_t(f.block.cols) : x.size();
    std::vector<float> centered = x, offsets;
    if (f.offsetKind == OffsetKind::Mean) {
      double sum = 0;
      for (float value : x)
        sum += value;
      offsets = code(*f.offset, childPath(path, "mean"),
                     {float(sum / double(x.size()))}, nullptr);
      for (float &value : centered)
        value -= offsets[0];
    }
    std::vector<float> exact, lows;
    for (size_t i = 0; i < x.size(); i += width) {
      float low = 0, high = 0;
      for (size_t j = i; j < std::min(i + width, x.size()); ++j) {
        low = std::min(low, centered[j]);
        high = std::max(high, centered[j]);
      }
      bool isRange = f.scaleRule.statistic == ScaleStatistic::Range;
      exact.push_back(
          exactScale(v, f, isRange ? high - low : std::max(high, -low)));
      lows.push_back(low);
    }
    std::vector<float> scales =
        code(*f.scale, childPath(path, "scale"), exact, &f.scaleRule);
    if (f.offset && offsets.empty()) {
      std::vector<float> wanted;
      for (size_t i = 0; i < scales.size(); ++i)
        wanted.push_back(
            exactOffset(v, f, lows[i], scales[i], inverseScale(v, scales[i])));
      offsets = code(*f.offset, childPath(path, offsetKeyword(f.offsetKind)),
                     wanted, nullptr);
    }
    for (size_t i = 0; i < x.size(); ++i) {
      float scale = scales[i / width];
      float offset = offsets.empty()       ? 0
                     : offsets.size() == 1 ? offsets[0]
                                           : offsets[i / width];
      codes.push_back(encodeCode(v, f, x[i], inverseScale(v, scale), offset));
      decoded.push_back(applyScale(
          v, f, decodeElement(v, f.element, codes.back()), scale, offset));
    }
    return decoded;
  }
};
} // namespace

static const std::vector<std::string> flatTexts = {
    "i4 [6] flat, scale f32",
    "i4 [64] flat, scale (i8 [4], scale f16)",
    "u3 [10] flat, scale f16, zero f16",
    "u4 [16] flat, scale (u6 [8], scale f16), min (u6 [8], scale f16)",
    "codebook @nf4 [64] flat, scale f32",
    "codebook @fp4 [32] flat, scale (codebook @dynamic8 [5], scale f32, mean "
    "f32)",
    "i8 [*] flat, scale f32",
    "i4 [12] flat, scale (u8 [*], scale f32, mean f16)",
    "u2 [100000] flat, scale f32, add f32",
};

// Blocks cross rows, end with them, and are longer than the tensor.
static const std::vector<std::pair<int64_t, int64_t>> shapes = {
    {5, 7}, {16, 64}, {3, 100}, {1, 63}, {37, 1}, {9, 172}};

TEST(FlatFormat, CodesAreThoseOfTheDefinition) {
  for (const std::string &text : flatTexts)
    for (auto [rows, cols] : shapes) {
      std::vector<float> x = normalValues(size_t(rows * cols), 3);
      Format f = format(text);
      Definition definition;
      std::vector<float> expected = definition.code(f, "", x, nullptr);
      Result<CodedTensor> coded = encodeRows(f, x, rows, cols);
      ASSERT_TRUE(coded) << coded.status().message();
      ASSERT_EQ(coded->planes.size(), definition.planes.size());
      for (auto &[path, codes] : definition.planes)
        EXPECT_EQ(coded->planes[path].codes, codes)
            << text << " of " << rows << "x" << cols << ", " << path;
      EXPECT_EQ(decodeRows(f, *coded), expected)
          << text << " of " << rows << "x" << cols;
    }
}

/// The planes of a tensor, each as one row.
static std::map<std::string, std::vector<int32_t>>
rowsOfCodes(const CodedTensor &coded) {
  std::map<std::string, std::vector<int32_t>> rows;
  for (const auto &[path, plane] : coded.planes)
    rows[path] = plane.codes;
  return rows;
}

TEST(FlatFormat, SolversSeeOneRow) {
  // 6 rows of 100 are a row of 600; with zeros behind, one of 640 is whole
  // blocks. Weights of zeros do not matter.
  const int64_t rows = 6, cols = 100, padded = 640;
  std::vector<float> x = normalValues(rows * cols, 4), row = x;
  row.resize(padded);
  std::vector<float> weights, rowWeights;
  for (int64_t c = 0; c < cols; ++c)
    weights.push_back(float(c % 7) + 0.5f);
  for (int64_t i = 0; i < padded; ++i)
    rowWeights.push_back(i < rows * cols ? weights[size_t(i % cols)] : 0);
  for (const char *text :
       {"i4 [32], scale f16", "u4 [32], scale (u6 [5], scale f16), min f16",
        "codebook @nf4 [64], scale (i8 [10], scale f32)"})
    for (Solver solver : {Solver::Plain, Solver::Mse}) {
      std::string flatText = text;
      flatText.insert(flatText.find(']') + 1, " flat");
      EncodeOptions options;
      options.solver = solver;
      options.columnWeights = rowWeights;
      Result<CodedTensor> expected =
          encodeRows(format(text), row, 1, padded, options);
      options.columnWeights = weights;
      options.threads = 3;
      Result<CodedTensor> coded =
          encodeRows(format(flatText), x, rows, cols, options);
      ASSERT_TRUE(coded && expected);
      auto wanted = rowsOfCodes(*expected);
      for (auto &[path, codes] : rowsOfCodes(*coded)) {
        wanted[path].resize(codes.size());
        EXPECT_EQ(codes, wanted[path]) << flatText << " " << path;
      }
    }
}

TEST(FlatFormat, AMeanOfPartialBlocksIsOneOfTheValuesAlone) {
  // The scales of 100 columns in blocks of 64 are two; a third that fills up
  // a pair of pairs would shift their mean.
  std::vector<float> x(100, 1.0f);
  Format f = format("i8 [64] partial, scale (u8 [4], scale f32, mean f32)");
  Result<CodedTensor> coded = encodeRows(f, x, 1, 100);
  ASSERT_TRUE(coded);
  ScalarValues v;
  EXPECT_EQ(v.bitcastF(coded->planes["scale.mean"].codes[0]), 1.0f / 127);
  EXPECT_EQ(coded->planes["scale"].codes.size(), 2u);
  EXPECT_EQ(decodeRows(f, *coded), x);
}

TEST(FlatFormat, ErrorsNameRowsAndColumnsOfTheTensor) {
  std::vector<float> x(35);
  x[23] = INFINITY;
  EXPECT_EQ(
      encodeRows(format("i4 [6] flat, scale f32"), x, 5, 7).status().message(),
      "expects finite values, but got infinity in row 3, column 2");
}

TEST(FlatFormat, ChunksOfRowsAreCodedApart) {
  for (const char *text :
       {"i4 [6] flat, scale f32", "i4 [12] flat, scale (i8 [4], scale f16)",
        "u3 [10] flat, scale f16, zero f16"})
    for (auto [rows, cols] : shapes) {
      Format f = format(text);
      std::vector<float> x = normalValues(size_t(rows * cols), 5);
      int64_t grain = codingGrain(f, rows, cols);
      std::map<std::string, std::vector<int32_t>> joined;
      for (int64_t begin = 0; begin < rows; begin += grain) {
        int64_t count = std::min(grain, rows - begin);
        Span<const float> chunk(x.data() + begin * cols, size_t(count * cols));
        Result<CodedTensor> part = encodeRows(f, chunk, count, cols);
        ASSERT_TRUE(part);
        for (auto &[path, codes] : rowsOfCodes(*part))
          joined[path].insert(joined[path].end(), codes.begin(), codes.end());
      }
      EXPECT_EQ(joined, rowsOfCodes(*encodeRows(f, x, rows, cols)))
          << text << " of " << rows << "x" << cols;
    }
}

//===----------------------------------------------------------------------===//
// Blocks within rows
//===----------------------------------------------------------------------===//

TEST(AlignBlocks, ScalesAreRepeatedForBlocksThatEndWithTheRows) {
  auto aligned = [](const std::string &text, int64_t cols) {
    return printFormat(alignedFormat(format(text), cols));
  };
  EXPECT_EQ(aligned("i4 [64] flat, scale f16", 172), "i4 [1, 4], scale f16");
  EXPECT_EQ(aligned("i4 [64] flat, scale f16", 128), "i4 [1, 64], scale f16");
  EXPECT_EQ(aligned("i4 [*] flat, scale f16", 128), "i4 [*, *], scale f16");
  EXPECT_EQ(aligned("i4 [1, 64], scale f16", 172), "i4 [1, 64], scale f16");
  EXPECT_EQ(aligned("i4 [12] flat, scale (i8 [4], scale f32, mean f32)", 64),
            "i4 [1, 4], scale (i8 [1, 4], scale f32, mean f32)");
  EXPECT_EQ(aligned("u4 [12] flat, scale (i8 [*], scale f32), zero [3] f16", 6),
            "u4 [1, 6], scale (i8 [*, *], scale f32), zero [1, 3] f16");
}

TEST(AlignBlocks, ValuesStay) {
  for (const std::string &text : flatTexts)
    for (auto [rows, cols] : shapes) {
      Format f = format(text), aligned = alignedFormat(f, cols);
      ASSERT_TRUE(checkShape(aligned, rows, cols)) << printFormat(aligned);
      std::vector<float> x = normalValues(size_t(rows * cols), 6);
      Result<CodedTensor> coded = encodeRows(f, x, rows, cols);
      ASSERT_TRUE(coded);
      for (const Format &target : {aligned, format("f32")}) {
        Result<CodedTensor> moved = alignCodes(f, target, *coded);
        ASSERT_TRUE(moved) << moved.status().message();
        EXPECT_EQ(decodeRows(target, *moved), decodeRows(f, *coded))
            << text << " of " << rows << "x" << cols;
      }
    }
  Format f = format("i4 [6] flat, scale f32");
  EXPECT_EQ(alignCodes(f, format("i4 [6], scale f32"),
                       *encodeRows(f, normalValues(35), 5, 7))
                .status()
                .message(),
            "expects columns divisible by 6 (one 'scale' a block), but got 7");
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

TEST(FlatLayout, DenseAndContainerRoundTrip) {
  Result<Layout> highFirst =
      parseLayout("tile [1, 2] flat 1B { code[0:1] @4; code[1:2] @0 } + "
                  "tile [1, 6] flat 4B { scale @0 }");
  ASSERT_TRUE(highFirst) << highFirst.status().message();
  Format f = format("u4 [6] flat, scale f32");
  std::vector<float> x = normalValues(35, 7);
  CodedTensor coded = *encodeRows(f, x, 5, 7);
  for (const Layout &layout : {makeDenseLayout(f, 5, 7), *highFirst}) {
    ASSERT_EQ(checkLayout(layout, f, 5, 7).message(), "");
    EXPECT_EQ(*parseLayout(printLayout(layout)), layout);
    EXPECT_EQ(rowGrain(layout, f, 5), 5);
    std::vector<uint8_t> bytes(size_t(layoutBytes(layout, 5, 7)));
    EXPECT_EQ(bytes.size(), 64u + 6 * 4);
    ASSERT_TRUE(packRows(layout, f, 5, 7, 0, coded, bytes));
    Result<CodedTensor> back = unpackRows(layout, f, 5, 7, 0, 5, bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(rowsOfCodes(*back), rowsOfCodes(coded));
    bool isHighFirst = layout == *highFirst;
    const std::vector<int32_t> &codes = coded.planes["code"].codes;
    for (size_t i = 0; i < codes.size(); ++i)
      EXPECT_EQ(bytes[i / 2] >> ((i % 2 == 0) == isHighFirst ? 4 : 0) & 15,
                codes[i]);
  }
}

TEST(FlatLayout, DenseTilesOfALongRow) {
  Format f = format("i3 [32] flat, scale (i8 [3], scale f16, mean f32)");
  Layout layout = makeDenseLayout(f, 67, 101);
  ASSERT_EQ(checkLayout(layout, f, 67, 101).message(), "");
  EXPECT_EQ(layout.segments[0].tileCols, 64);
  std::vector<float> x = normalValues(67 * 101, 8);
  CodedTensor coded = *encodeRows(f, x, 67, 101);
  std::vector<uint8_t> bytes(size_t(layoutBytes(layout, 67, 101)));
  ASSERT_TRUE(packRows(layout, f, 67, 101, 0, coded, bytes));
  Result<CodedTensor> back = unpackRows(layout, f, 67, 101, 0, 67, bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(rowsOfCodes(*back), rowsOfCodes(coded));
  BitOrigin origin = {"scale", 0, 200, 7};
  int64_t address = bitAddress(layout, f, 67, 101, origin);
  EXPECT_EQ(bitOrigin(layout, f, 67, 101, address).col, 200);
  EXPECT_EQ(
      packRows(layout, f, 67, 101, 0, *encodeRows(f, x, 67, 101), {}).message(),
      "expects a buffer of " + std::to_string(bytes.size()) +
          " bytes, but got 0");
}

TEST(FlatLayout, FlatTilesAreForFlatFormats) {
  Layout rows = *parseLayout("tile [1, 2] 1B { code @0 col(2:4) } + "
                             "tile [1, 6] 4B { scale @0 }");
  EXPECT_EQ(
      checkLayout(rows, format("u4 [6] flat, scale f32"), 5, 6).message(),
      "segment 0: plane 'code': expects tiles marked 'flat', as its blocks "
      "are, but got others");
  Layout flat = makeDenseLayout(format("u4 [6] flat, scale f32"), 5, 6);
  EXPECT_EQ(checkLayout(flat, format("u4 [6], scale f32"), 5, 6).message(),
            "segment 0: plane 'code': expects tiles without 'flat', as its "
            "blocks are, but got others");
  EXPECT_EQ(parseLayout("tile [2, 4] flat 8B { code @0 }").status().message(),
            "expects a tile of 1 row before 'flat', but got 'flat'");
}
