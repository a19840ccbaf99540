// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Folding weights: the bytes, their independence of threads, and errors.

#include "FoldFixture.h"
#include "Numerics/EncodeTestUtil.h"
#include "quern/Numerics/AlignBlocks.h"
#include <cmath>

using namespace quern;
using namespace quern::pack;

using FoldWeights = quern::pack::test::FoldFixture;

namespace {

// Three chunks of rows, the last one short and no multiple of a panel.
constexpr int64_t rows = 2101, cols = 256;
const char *const encoded =
    R"(param.global @w : tensor<2101x256xf32, #qt.format<q4_k>> =
         #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">)";

/// Parts of a weight with column transforms are coded as the whole is, the
/// columns' weights that a scale implies included.
TEST_F(FoldWeights, PartsAreThoseOfTheWholeTensor) {
  std::vector<float> values = numerics::normalValues(size_t(rows * cols), 6);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] *= float(1 + i % size_t(cols) % 7);
  source.addF32("w", {rows, cols}, values);
  load(
      R"(#whole = #qt.format<i4 [1, 32], scale f16, columns scaled f16, columns apart 8 f16>
       param.global @w : tensor<2101x256xf32, #qt.format<i4 [1, 32], scale f16>> = #qt.encode<
         #qt.part<#param.external<"model", "w">, of = tensor<2101x256xf32, #whole>, part = "matrix">,
         from = f32, solver = "mse">
       param.global @which : tensor<1x8xf32, #qt.format<u16>> = #qt.encode<
         #qt.part<#param.external<"model", "w">, of = tensor<2101x256xf32, #whole>, part = "apart.column">,
         from = f32, solver = "rtn">)",
      "dense");
  auto formatOf = [](const std::string &text) {
    return *numerics::FormatRegistry::builtin().resolve(text);
  };
  numerics::EncodeOptions options;
  options.solver = numerics::Solver::Mse;
  auto coded = numerics::encodeRows(
      formatOf(
          "i4 [1, 32], scale f16, columns scaled f16, columns apart 8 f16"),
      values, rows, cols, options);
  ASSERT_TRUE(coded.isOk());
  numerics::CodedTensor matrix{rows, cols, {}}, which{1, 8, {}};
  for (const char *path : {"code", "scale"})
    matrix.planes[path] = coded->planes.at(path);
  which.planes["code"] = coded->planes.at("apart.column.code");
  auto packed = [](const numerics::Format &format,
                   const numerics::CodedTensor &tensor) {
    auto layout = numerics::makeDenseLayout(format, tensor.rows, tensor.cols);
    std::vector<uint8_t> result(
        size_t(numerics::layoutBytes(layout, tensor.rows, tensor.cols)));
    EXPECT_TRUE(numerics::packRows(layout, format, tensor.rows, tensor.cols, 0,
                                   tensor, result)
                    .isOk());
    return result;
  };
  for (unsigned threads : {1u, 3u}) {
    Status status = fold(threads);
    ASSERT_TRUE(status.isOk()) << status.message();
    EXPECT_EQ(bytes[0], packed(formatOf("i4 [1, 32], scale f16"), matrix));
    EXPECT_EQ(bytes[1], packed(formatOf("u16"), which));
  }
}

/// A matrix whose element in row i and column j is 100 i + j.
std::vector<float> gridValues(int64_t rows, int64_t columns) {
  std::vector<float> values;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      values.push_back(float(100 * i + j));
  return values;
}

TEST_F(FoldWeights, ViewsAreRowsOfTheTensorOrItsTranspose) {
  source.addF32("b", {12}, gridValues(12, 1));
  source.addF32("e", {2, 6, 3}, gridValues(12, 3));
  source.addF32("w", {12, 3}, gridValues(12, 3));
  load(
      R"(param.global @runs : tensor<4x3xf32> = #param.view<source = #param.external<"model", "w">, first = 2, run = 2, stride = 6>
       param.global @bias : tensor<4xf32> = #param.view<source = #param.external<"model", "b">, first = 2, run = 2, stride = 6>
       param.global @experts : tensor<4x3xf32> = #param.view<source = #param.external<"model", "e">, first = 2, run = 2, stride = 6>
       param.global @across : tensor<2x12xf32> = #param.view<source = #param.external<"model", "w">, first = 1, run = 2, stride = 2, transposed = true>)",
      "dense");
  ASSERT_TRUE(fold(2).isOk());
  std::vector<float> expected;
  for (float row : {200.0f, 300.0f, 800.0f, 900.0f})
    expected.insert(expected.end(), {row, row + 1, row + 2});
  EXPECT_EQ(floatsOf(0), expected);
  EXPECT_EQ(floatsOf(1), (std::vector<float>{200, 300, 800, 900}));
  EXPECT_EQ(floatsOf(2), expected);
  expected.clear();
  for (int64_t column : {1, 2})
    for (int64_t row = 0; row < 12; ++row)
      expected.push_back(float(100 * row + column));
  EXPECT_EQ(floatsOf(3), expected);
}

TEST_F(FoldWeights, ViewsBeyondTheTensor) {
  source.addF32("w", {12, 3}, gridValues(12, 3));
  auto messageOf = [&](const std::string &type, const std::string &rows) {
    load(
        "param.global @v : tensor<" + type +
            "xf32> = #param.view<source = #param.external<\"model\", \"w\">, " +
            rows + ">",
        "dense");
    return fold(1).message();
  };
  std::string place = "weight 'v': memory: tensor 'w': ";
  EXPECT_EQ(messageOf("4x3", "first = 3, run = 2, stride = 8"),
            place + "expects more than 12 rows, but got [12, 3]");
  EXPECT_EQ(messageOf("3x3", "first = 3, run = 2, stride = 8"), "");
  // The first run reaches further than the second, which is cut short.
  EXPECT_EQ(messageOf("12x3", "first = 3, run = 10, stride = 2"),
            place + "expects more than 12 rows, but got [12, 3]");
  EXPECT_EQ(messageOf("4x2", "first = 0, run = 4, stride = 4"),
            place + "expects rows of 2 elements, but got [12, 3]");
  EXPECT_EQ(messageOf("4x12", "first = 0, run = 4, stride = 4, "
                              "transposed = true"),
            place + "expects more than 3 rows, but got [12, 3]");
}

TEST_F(FoldWeights, PartsOfAWeightThatIsNotThere) {
  load(R"(param.global @order : tensor<1x64xf32, #qt.format<u16>> = #qt.encode<
         #qt.part<#param.external<"model", "v">,
                  of = tensor<8x64xf32, #qt.format<f16, columns ordered>>, part = "order">,
         from = f32, solver = "rtn">)",
       "dense");
  EXPECT_EQ(fold(1).code(), StatusCode::NotFound);
}

TEST_F(FoldWeights, BytesAreThoseOfTheWholeTensorForAnyNumberOfThreads) {
  std::vector<float> values = numerics::normalValues(size_t(rows * cols), 1);
  source.addF32("w", {rows, cols}, values);
  load(encoded, "cpu");
  numerics::Format format = *numerics::FormatRegistry::builtin().lookup("q4_k");
  numerics::Layout layout = numerics::makeCpuPanelLayout(format, rows, cols);
  auto coded = numerics::encodeRows(format, values, rows, cols);
  ASSERT_TRUE(coded.isOk());
  std::vector<uint8_t> whole(size_t(numerics::layoutBytes(layout, rows, cols)),
                             0);
  ASSERT_TRUE(
      numerics::packRows(layout, format, rows, cols, 0, *coded, whole).isOk());
  for (unsigned threads : {1u, 2u, 5u}) {
    Status status = fold(threads);
    ASSERT_TRUE(status.isOk()) << status.message();
    EXPECT_EQ(bytes[0], whole) << threads << " threads";
    EXPECT_EQ(progress, std::make_pair(rows * cols, rows * cols));
  }
  EXPECT_EQ(source.released, (std::vector<std::string>{"w", "w", "w"}));
  EXPECT_EQ(tensors[0].name, "w");
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{rows, cols}));
  EXPECT_EQ(tensors[0].sourceType, "f32");
  EXPECT_EQ(tensors[0].format, numerics::printFormat(format));
  EXPECT_EQ(tensors[0].layout, numerics::printLayout(layout));
  EXPECT_EQ(tensors[0].bytes, int64_t(whole.size()));
}

TEST_F(FoldWeights, FlatBlocksAreCodedAsTheyCrossRowsAndPackedAsTheyDoNot) {
  // Rows of 172 columns cut blocks of 64 every 4 columns; rows of 65 leave
  // nothing to scale. Either is several chunks, in rows that end with blocks.
  auto resolve = [](const std::string &text) {
    return *numerics::FormatRegistry::builtin().resolve(text);
  };
  const numerics::Format flat = resolve("u3 [64] flat, scale f16, zero f16");
  for (auto [width, kernels] :
       {std::pair<int64_t, const char *>{172, "u3 [4], scale f16, zero f16"},
        {65, "f32"}}) {
    std::string name = "w" + std::to_string(width);
    std::vector<float> values = numerics::normalValues(size_t(rows * width), 2);
    source.addF32(name, {rows, width}, values);
    load("param.global @" + name + " : tensor<2101x" + std::to_string(width) +
             "xf32, #qt.format<" + numerics::printFormat(flat) +
             ">> = #qt.encode<#param.external<\"model\", \"" + name +
             "\">, from = f32, solver = \"rtn\">",
         "cpu");
    numerics::Format aligned = resolve(kernels);
    numerics::Layout layout =
        numerics::makeCpuPanelLayout(aligned, rows, width);
    auto coded = numerics::encodeRows(flat, values, rows, width);
    ASSERT_TRUE(coded.isOk());
    auto moved = numerics::alignCodes(flat, aligned, *coded);
    ASSERT_TRUE(moved.isOk());
    std::vector<uint8_t> whole(
        size_t(numerics::layoutBytes(layout, rows, width)), 0);
    ASSERT_TRUE(
        numerics::packRows(layout, aligned, rows, width, 0, *moved, whole)
            .isOk());
    for (unsigned threads : {1u, 3u}) {
      Status status = fold(threads);
      ASSERT_TRUE(status.isOk()) << status.message();
      EXPECT_EQ(tensors[0].format, numerics::printFormat(aligned));
      EXPECT_EQ(bytes[0], whole) << width << " columns, " << threads;
    }
  }
}

TEST_F(FoldWeights, VectorsTablesAndSplats) {
  // 1.5 and -2 in bf16, little endian.
  source.add("g", weights::DType::BF16, {2}, {0xc0, 0x3f, 0x00, 0xc0});
  load(R"(
    param.global @g : tensor<2xbf16> = #param.external<"model", "g">
    param.global @s : tensor<1x3xf32> = #param.splat<2.5 : f32>
    param.global @t : tensor<3x4xf32> =
      #nn.rope_table<positions = 3, inverse_frequencies = [1.0, 0.25]>)",
       "dense");
  Status status = fold(2);
  ASSERT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(floatsOf(0), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(floatsOf(1), (std::vector<float>{2.5f, 2.5f, 2.5f}));
  std::vector<float> table;
  for (double p : {0.0, 1.0, 2.0})
    for (double value :
         {std::cos(p), std::cos(p / 4), std::sin(p), std::sin(p / 4)})
      table.push_back(float(value));
  EXPECT_EQ(floatsOf(2), table);
}

TEST_F(FoldWeights, ValuesAreRoundedToTheTypeTheyAreSaidToHave) {
  source.addF32("w", {1, 2}, {1.00390625f, 1.0f}); // 1 + 2^-8: a tie in bf16
  load(R"(param.global @w : tensor<1x2xf32, #qt.format<f32>> =
            #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn">)",
       "dense");
  Status status = fold(1);
  ASSERT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(floatsOf(0), (std::vector<float>{1.0f, 1.0f}));
}

TEST_F(FoldWeights, TheFirstBadValueIsNamedWhateverTheThreads) {
  std::vector<float> values = numerics::normalValues(size_t(rows * cols), 2);
  values[size_t(1030 * cols + 7)] = std::nanf("");
  values[size_t(2100 * cols)] = -INFINITY;
  source.addF32("w", {rows, cols}, values);
  load(encoded, "cpu");
  for (unsigned threads : {1u, 3u})
    EXPECT_EQ(fold(threads).message(),
              "weight 'w': expects finite values, but got NaN in row 1030, "
              "column 7");
  EXPECT_TRUE(bytes.empty());
}

TEST_F(FoldWeights, InfinityIsAnErrorInPlainWeightsToo) {
  source.addF32("w", {1, 2}, {1.0f, INFINITY});
  load(R"(param.global @w : tensor<1x2xf32> = #param.external<"model", "w">)",
       "dense");
  EXPECT_EQ(fold(1).message(), "weight 'w': expects finite values, but got "
                               "infinity in row 0, column 1");
}

TEST_F(FoldWeights, ErrorsNameTheWeight) {
  source.addF32("w", {2, 2}, {1, 2, 3, 4});
  load(R"(param.global @a : tensor<1x4xf32> = #param.external<"model", "w">)",
       "dense");
  EXPECT_EQ(fold(1).message(), "weight 'a': memory: tensor 'w': expects a "
                               "tensor of shape [1, 4], but got [2, 2]");
  load(R"(param.global @b : tensor<1x4xf32> = #param.external<"model", "v">)",
       "dense");
  EXPECT_FALSE(fold(1).isOk());
  load(R"(param.global @c : tensor<2x2xf32, #qt.format<f16>> =
         #qt.encode<#param.external<"model", "w">, from = f32, solver = "magic">)",
       "dense");
  EXPECT_EQ(fold(1).message(), "weight 'c': expects a solver 'rtn' or 'mse', "
                               "but got 'magic'");
  module = mlir::parseSourceString<mlir::ModuleOp>(
      R"(param.global @d : tensor<2xf32> = #param.splat<1.0 : f32>)", &context);
  EXPECT_EQ(describeWeights(*module).status().message(),
            "weight 'd': expects a layout #qk.layout, but got none");
}

TEST_F(FoldWeights, TheSinkMayRefuse) {
  load(R"(param.global @s : tensor<2xf32> = #param.splat<1.0 : f32>)", "dense");
  Status status = foldWeights(
      *module, source,
      [](const PackedTensor &, Span<const uint8_t>) {
        return Status::error(StatusCode::Io, "disk full");
      },
      FoldOptions());
  EXPECT_EQ(status.message(), "weight 's': disk full");
  EXPECT_EQ(status.code(), StatusCode::Io);
}

TEST_F(FoldWeights, PeakGrowsWithTheLargestTensorAndTheThreads) {
  load(encoded, "cpu");
  FoldOptions one, two;
  two.threads = 2;
  auto peakOfOne = predictPeakBytes(*module, one);
  auto peakOfTwo = predictPeakBytes(*module, two);
  auto described = describeWeights(*module);
  ASSERT_TRUE(peakOfOne.isOk() && peakOfTwo.isOk() && described.isOk());
  int64_t held = (*described)[0].bytes + rows * cols * 4;
  EXPECT_GT(*peakOfOne, held);
  EXPECT_EQ(*peakOfTwo - held, 2 * (*peakOfOne - held));
}

} // namespace
