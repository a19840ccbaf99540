// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Folding weights whose codes a container holds.

#include "FoldFixture.h"
#include "Numerics/LayoutTestUtil.h"
#include "quern/Numerics/AlignBlocks.h"
#include "quern/Numerics/EncodeTensor.h"
#include "quern/Numerics/Transcode.h"

using namespace quern;
using namespace quern::pack;
using numerics::CodedTensor;
using numerics::Format;
using numerics::Layout;

namespace {

// Several chunks of rows, in heads of 64.
constexpr int64_t rows = 2112, cols = 256;

class StoredWeights : public pack::test::FoldFixture {
protected:
  /// Adds a tensor for each segment of a random weight in `layout`, whose
  /// scales are numbers: 'a', 'b', and so on.
  CodedTensor store(const Format &format, const Layout &layout,
                    int64_t width = cols) {
    CodedTensor coded = numerics::randomCodes(format, rows, width, 7);
    for (auto &[path, codes] : coded.planes)
      if (path.find("scale") != std::string::npos)
        for (int32_t &code : codes.codes) {
          bool isInteger = code >= -0x80 && code < 0x100;
          code = isInteger ? code : code & 0x3bff;
        }
    std::vector<uint8_t> bytes = packed(format, layout, coded);
    for (size_t i = 0; i < layout.segments.size(); ++i) {
      auto begin =
          bytes.begin() + numerics::segmentOffset(layout, i, rows, width);
      int64_t size = numerics::segmentBytes(layout, i, rows, width);
      // What a container says of its words does not matter.
      source.add(std::string(1, char('a' + i)), weights::DType::U8, {size},
                 {begin, begin + size});
    }
    return coded;
  }

  static std::vector<uint8_t> packed(const Format &format, const Layout &layout,
                                     const CodedTensor &coded) {
    std::vector<uint8_t> bytes(
        size_t(numerics::layoutBytes(layout, coded.rows, coded.cols)), 0);
    Status status = numerics::packRows(layout, format, coded.rows, coded.cols,
                                       0, coded, bytes);
    EXPECT_TRUE(status.isOk()) << status.message();
    return bytes;
  }

  /// `type`, `tensors` and more of a global @w as text.
  static std::string globalOf(const std::string &encoding,
                              const std::string &value, int64_t width = cols) {
    return "param.global @w : tensor<" + std::to_string(rows) + "x" +
           std::to_string(width) + "xf32" + encoding + "> = " + value;
  }
  static std::string storedOf(const std::string &tensors, const Format &format,
                              const Layout &layout) {
    return "#qk.stored<[" + tensors + "], format = #qt.format<" +
           numerics::printFormat(format) + ">, layout = #qk.layout<" +
           numerics::printLayout(layout) + ">>";
  }
};

const std::string one = "#param.external<\"model\", \"a\">";
const std::string two = one + ", #param.external<\"model\", \"b\">";

TEST_F(StoredWeights, CodesGoFromOneLayoutToAnother) {
  Format format = numerics::formatOf("q4_k");
  Layout layout = *numerics::lookupLayout("q4_k");
  layout.segments[0].order = {{32, 2}, {2, 1}};
  CodedTensor coded = store(format, layout);
  load(globalOf(", #qt.format<q4_k>", storedOf(one, format, layout)), "cpu");
  Layout panel = numerics::makeCpuPanelLayout(format, rows, cols);
  for (unsigned threads : {1u, 3u}) {
    Status status = fold(threads);
    ASSERT_TRUE(status.isOk()) << status.message();
    EXPECT_EQ(bytes[0], packed(format, panel, coded)) << threads;
  }
  EXPECT_EQ(source.released, (std::vector<std::string>{"a", "a"}));
  EXPECT_EQ(tensors[0].layout, numerics::printLayout(panel));
}

TEST_F(StoredWeights, SegmentsAreTensors) {
  Format format = numerics::formatOf("int4_g32_asym");
  Layout layout = numerics::makeDenseLayout(format, rows, cols);
  std::string three = two + ", #param.external<\"model\", \"c\">";
  CodedTensor coded = store(format, layout);
  load(globalOf(", #qt.format<int4_g32_asym>", storedOf(three, format, layout)),
       "cpu");
  Status status = fold(2);
  ASSERT_TRUE(status.isOk()) << status.message();
  Layout panel = numerics::makeCpuPanelLayout(format, rows, cols);
  EXPECT_EQ(bytes[0], packed(format, panel, coded));
}

TEST_F(StoredWeights, FlatBlocksAreAligned) {
  constexpr int64_t width = 172;
  Format flat = numerics::formatOf("bnb_nf4");
  Format aligned = numerics::alignedFormat(flat, width);
  Layout layout = numerics::makeDenseLayout(flat, rows, width);
  CodedTensor coded = store(flat, layout, width);
  load(globalOf(", #qt.format<bnb_nf4>", storedOf(two, flat, layout), width),
       "cpu");
  Status status = fold(2);
  ASSERT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(tensors[0].format, numerics::printFormat(aligned));
  auto moved = numerics::alignCodes(flat, aligned, coded);
  ASSERT_TRUE(moved.isOk());
  EXPECT_EQ(bytes[0],
            packed(aligned, numerics::makeCpuPanelLayout(aligned, rows, width),
                   *moved));
}

/// Codes become those of the type's format; blocks of 256 of the one lie in the
/// chunks that rows of the other are read in.
TEST_F(StoredWeights, CodesAreTranscoded) {
  Format format = numerics::formatOf("q3_k"),
         other = numerics::formatOf("q6_k");
  Layout layout = *numerics::lookupLayout("q3_k");
  CodedTensor coded = store(format, layout);
  load(globalOf(", #qt.format<q6_k>", storedOf(one, format, layout)), "cpu");
  auto moved = numerics::transcodeCodes(
      numerics::classifyTranscoding(format, other), format, other, coded);
  ASSERT_TRUE(moved.isOk()) << moved.status().message();
  EXPECT_EQ(numerics::decodeRows(other, *moved),
            numerics::decodeRows(format, coded));
  for (unsigned threads : {1u, 3u}) {
    Status status = fold(threads);
    ASSERT_TRUE(status.isOk()) << status.message();
    EXPECT_EQ(tensors[0].format, numerics::printFormat(other));
    EXPECT_EQ(
        bytes[0],
        packed(other, numerics::makeCpuPanelLayout(other, rows, cols), *moved));
  }
}

/// Without a format, and as what another format codes, a weight is numbers.
TEST_F(StoredWeights, NumbersAreDecoded) {
  Format format = numerics::formatOf("q4_k"),
         other = numerics::formatOf("q8_0");
  Layout layout = *numerics::lookupLayout("q4_k");
  CodedTensor coded = store(format, layout);
  std::vector<float> values = numerics::decodeRows(format, coded);
  std::string stored = storedOf(one, format, layout);
  load(globalOf("", stored), "dense");
  Status status = fold(2);
  ASSERT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(floatsOf(0), values);
  load(globalOf(", #qt.format<q8_0>",
                "#qt.encode<" + stored + ", from = f32, solver = \"rtn\">"),
       "dense");
  status = fold(2);
  ASSERT_TRUE(status.isOk()) << status.message();
  auto again = numerics::encodeRows(other, values, rows, cols);
  ASSERT_TRUE(again.isOk());
  EXPECT_EQ(
      bytes[0],
      packed(other, numerics::makeDenseLayout(other, rows, cols), *again));
}

TEST_F(StoredWeights, VectorsMayLieInAnotherOrder) {
  source.addF32("a", {4}, {0, 1, 2, 3});
  load("param.global @w : tensor<4xf32> = #qk.stored<[" + one +
           "], format = #qt.format<f32>, layout = #qk.layout<tile [1, 4] 16B { "
           "code @0 col(2:64, 2:32) }>>",
       "cpu");
  Status status = fold(1);
  ASSERT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(floatsOf(0), (std::vector<float>{0, 2, 1, 3}));
}

TEST_F(StoredWeights, Errors) {
  Format format = numerics::formatOf("q8_0");
  Layout layout = *numerics::lookupLayout("q8_0");
  std::vector<uint8_t> bytes(size_t(rows * 8 * 34), 0);
  size_t block = 1100 * 8 + 2;
  bytes[block * 34 + 1] = 0x7e; // a NaN
  source.add("a", weights::DType::U8, {2}, bytes);
  source.add("b", weights::DType::U8, {2}, {1, 2});
  auto messageOf = [&](const std::string &key) {
    load(globalOf(", #qt.format<q8_0>",
                  storedOf("#param.external<\"model\", \"" + key + "\">",
                           format, layout)),
         "cpu");
    return fold(2).message();
  };
  EXPECT_EQ(messageOf("a"),
            "weight 'w': memory: tensor 'a': expects finite values, but got "
            "NaN in plane 'scale' for row 1100, columns 64 to 95");
  EXPECT_EQ(messageOf("b"), "weight 'w': memory: tensor 'b': expects 574464 "
                            "bytes for a weight of [2112, 256], but got 2");
  EXPECT_EQ(messageOf("c"), "weight 'w': memory: expects a tensor 'c', but "
                            "there is none of this name");
}

} // namespace
