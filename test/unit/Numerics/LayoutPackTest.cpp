// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Packing, unpacking, converting and addressing agree, for formats and
// shapes drawn at random.

#include "LayoutTestUtil.h"
#include "RandomFormat.h"

namespace quern::numerics {
namespace {

/// Packs in parts of one grain each, so that streaming is what is tested.
std::vector<uint8_t> pack(const Layout &layout, const Format &format,
                          const CodedTensor &tensor) {
  std::vector<uint8_t> bytes(
      size_t(layoutBytes(layout, tensor.rows, tensor.cols)), 0);
  int64_t grain = rowGrain(layout, format, tensor.rows);
  for (int64_t row = 0; row < tensor.rows; row += grain) {
    int64_t end = std::min(row + grain, tensor.rows);
    Status status =
        packRows(layout, format, tensor.rows, tensor.cols, row,
                 rowsOf(format, tensor, row, end), Span<uint8_t>(bytes));
    EXPECT_TRUE(status.isOk()) << status.message();
  }
  return bytes;
}

CodedTensor unpack(const Layout &layout, const Format &format, int64_t rows,
                   int64_t cols, const std::vector<uint8_t> &bytes) {
  auto tensor = unpackRows(layout, format, rows, cols, 0, rows,
                           Span<const uint8_t>(bytes));
  EXPECT_TRUE(tensor.isOk()) << tensor.status().message();
  return tensor ? *tensor : CodedTensor();
}

// What a fuzzer found: a block may have more rows than a tile may.
TEST(LayoutPack, BlocksOfMoreRowsThanThereAre) {
  Format format = formatOf("f8E4M3FN [121881, 2] partial, scale f32");
  CodedTensor tensor = randomCodes(format, 4, 6, 1);
  Layout dense = makeDenseLayout(format, 4, 6);
  Status status = checkLayout(dense, format, 4, 6);
  ASSERT_TRUE(status.isOk()) << status.message();
  expectSameCodes(unpack(dense, format, 4, 6, pack(dense, format, tensor)),
                  tensor);
}

class LayoutPackRandom : public testing::TestWithParam<unsigned> {};

/// A flat format has no panels: kernels read another one of the same values.
static Layout panelOf(const Format &format, const RandomFormat &drawn) {
  return format.isFlat ? makeDenseLayout(format, drawn.rows, drawn.cols)
                       : makeCpuPanelLayout(format, drawn.rows, drawn.cols);
}

TEST_P(LayoutPackRandom, RoundTripsAndConversions) {
  RandomFormat drawn = FormatGenerator(GetParam()).draw();
  SCOPED_TRACE(drawn.text + " of [" + std::to_string(drawn.rows) + ", " +
               std::to_string(drawn.cols) + "]");
  Format format = formatOf(drawn.text);
  CodedTensor tensor =
      randomCodes(format, drawn.rows, drawn.cols, GetParam() + 1);
  Layout dense = makeDenseLayout(format, drawn.rows, drawn.cols);
  Layout panel = panelOf(format, drawn);
  for (const Layout &layout : {dense, panel}) {
    Status status = checkLayout(layout, format, drawn.rows, drawn.cols);
    EXPECT_TRUE(status.isOk()) << status.message() << "\n"
                               << printLayout(layout);
    EXPECT_EQ(layoutOf(printLayout(layout)), layout);
  }
  std::vector<uint8_t> inDense = pack(dense, format, tensor);
  std::vector<uint8_t> inPanel = pack(panel, format, tensor);
  expectSameCodes(unpack(dense, format, drawn.rows, drawn.cols, inDense),
                  tensor);
  expectSameCodes(unpack(panel, format, drawn.rows, drawn.cols, inPanel),
                  tensor);
  std::vector<uint8_t> converted(inDense.size(), 0xff);
  Status status =
      convertLayout(panel, dense, format, drawn.rows, drawn.cols,
                    Span<const uint8_t>(inPanel), Span<uint8_t>(converted));
  EXPECT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(converted, inDense);
}

TEST_P(LayoutPackRandom, AddressesAndOriginsAreInverse) {
  RandomFormat drawn = FormatGenerator(GetParam() + 1000).draw();
  SCOPED_TRACE(drawn.text);
  Format format = formatOf(drawn.text);
  Layout layout = panelOf(format, drawn);
  std::mt19937 random(GetParam());
  for (const Plane &plane : planesOf(format)) {
    for (int i = 0; i < 50; ++i) {
      BitOrigin origin;
      origin.plane = plane.path;
      BlockShape shape = planeShape(plane, drawn.rows, drawn.cols);
      origin.row = random() % uint64_t(shape.rows);
      origin.col = random() % uint64_t(shape.cols);
      origin.bit = random() % plane.element->bits;
      int64_t address =
          bitAddress(layout, format, drawn.rows, drawn.cols, origin);
      ASSERT_GE(address, 0);
      BitOrigin back =
          bitOrigin(layout, format, drawn.rows, drawn.cols, address);
      EXPECT_EQ(back.plane, origin.plane);
      EXPECT_EQ(back.row, origin.row);
      EXPECT_EQ(back.col, origin.col);
      EXPECT_EQ(back.bit, origin.bit);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Drawn, LayoutPackRandom, testing::Range(0u, 200u));

TEST(LayoutPack, PackedBitsLieWhereBitAddressSays) {
  Format format = formatOf("i3 [1, 48], scale (u5 [1, 6], scale f16)");
  int64_t rows = 5, cols = 288;
  Layout layout = makeCpuPanelLayout(format, rows, cols);
  CodedTensor tensor = randomCodes(format, rows, cols, 7);
  std::vector<uint8_t> bytes = pack(layout, format, tensor);
  int64_t seen = 0;
  for (int64_t address = 0; address < int64_t(bytes.size()) * 8; ++address) {
    BitOrigin origin = bitOrigin(layout, format, rows, cols, address);
    bool bit = bytes[size_t(address / 8)] >> (address % 8) & 1;
    if (origin.plane.empty()) {
      EXPECT_FALSE(bit) << "padding at " << address;
      continue;
    }
    ++seen;
    const PlaneCodes &codes = tensor.planes[origin.plane];
    int32_t code = codes.codes[size_t(origin.row * codes.cols + origin.col)];
    bool flipped = origin.plane == "code" && origin.bit == 2;
    EXPECT_EQ(bit, bool(code >> origin.bit & 1) != flipped) << address;
  }
  EXPECT_EQ(seen, rows * (288 * 3 + 6 * 5 + 16));
}

TEST(LayoutPack, GgufToPanelAndBack) {
  for (const std::string &name : layoutNames()) {
    Format format = formatOf(name);
    const Layout &gguf = *lookupLayout(name);
    int64_t rows = 21, cols = 512;
    CodedTensor tensor = randomCodes(format, rows, cols, 3);
    std::vector<uint8_t> blocks = pack(gguf, format, tensor);
    Layout panel = makeCpuPanelLayout(format, rows, cols);
    std::vector<uint8_t> panels(size_t(layoutBytes(panel, rows, cols)));
    std::vector<uint8_t> back(blocks.size());
    Status there =
        convertLayout(gguf, panel, format, rows, cols,
                      Span<const uint8_t>(blocks), Span<uint8_t>(panels));
    Status here =
        convertLayout(panel, gguf, format, rows, cols,
                      Span<const uint8_t>(panels), Span<uint8_t>(back));
    EXPECT_TRUE(there.isOk() && here.isOk())
        << there.message() << here.message();
    EXPECT_EQ(back, blocks) << name;
  }
}

TEST(LayoutPack, WrongArgumentsAreErrors) {
  Format format = formatOf("q4_0");
  Layout panel = makeCpuPanelLayout(format, 40, 64);
  std::vector<uint8_t> bytes(size_t(layoutBytes(panel, 40, 64)), 0);
  CodedTensor part = randomCodes(format, 8, 64, 1);
  EXPECT_EQ(
      packRows(panel, format, 40, 64, 8, part, Span<uint8_t>(bytes)).message(),
      "expects rows from a multiple of 16 to another or to the last row, "
      "40, but got 8 to 16");
  EXPECT_EQ(
      packRows(panel, format, 40, 64, 32, part, Span<uint8_t>(bytes.data(), 5))
          .message(),
      "expects a buffer of 1728 bytes, but got 5");
  part.planes["scale"].codes.pop_back();
  EXPECT_EQ(
      packRows(panel, format, 40, 64, 32, part, Span<uint8_t>(bytes)).message(),
      "expects [8, 2] codes of plane 'scale', but got [8, 2] in an array "
      "of 15");
  part.planes.erase("scale");
  EXPECT_EQ(
      packRows(panel, format, 40, 64, 32, part, Span<uint8_t>(bytes)).message(),
      "expects codes of plane 'scale', but got none");
}

} // namespace
} // namespace quern::numerics
