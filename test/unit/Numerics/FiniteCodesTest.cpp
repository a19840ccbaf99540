// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file NaN and infinity among codes from outside.

#include "LayoutTestUtil.h"
#include "quern/Numerics/EncodeTensor.h"

namespace quern::numerics {
namespace {

/// The message about a tensor of `text` whose code `index` of `plane` is
/// `code`.
std::string messageOf(const std::string &text, const std::string &plane,
                      size_t index, int32_t code, int64_t rows = 4,
                      int64_t cols = 256) {
  Format format = formatOf(text);
  CodedTensor tensor = randomCodes(format, rows, cols, 1);
  for (auto &[path, codes] : tensor.planes)
    std::fill(codes.codes.begin(), codes.codes.end(), 1);
  EXPECT_TRUE(checkFinite(format, tensor, 0).isOk()) << text;
  tensor.planes.at(plane).codes.at(index) = code;
  return checkFinite(format, tensor, 100).message();
}

TEST(FiniteCodes, PlacesAreThoseOfTheTensor) {
  const std::string nan = "expects finite values, but got NaN in plane ";
  EXPECT_EQ(messageOf("q8_0", "scale", 9, 0x7e00),
            nan + "'scale' for row 101, columns 32 to 63");
  EXPECT_EQ(messageOf("q4_k", "min.scale", 3, 0x7c00),
            "expects finite values, but got infinity in plane 'min.scale' for "
            "row 103, columns 0 to 255");
  EXPECT_EQ(messageOf("mxfp4", "scale", 0, 255),
            nan + "'scale' for row 100, columns 0 to 31");
  EXPECT_EQ(messageOf("nvfp4", "scale", 16, 0x7f),
            nan + "'scale' for row 101, columns 0 to 15");
  EXPECT_EQ(messageOf("nvfp4", "scale", 16, 0xff),
            nan + "'scale' for row 101, columns 0 to 15");
  EXPECT_EQ(messageOf("f32", "code", 257, 0x7fc00000),
            nan + "'code' for row 101, column 1");
  EXPECT_EQ(messageOf("fp8_block", "scale", 0, -1),
            nan + "'scale' for rows 100 to 227, columns 0 to 127");
  EXPECT_EQ(messageOf("fp8_tensor", "scale", 0, -1),
            nan + "'scale' for all rows, all columns");
  EXPECT_EQ(messageOf("bnb_nf4", "scale", 2, -1),
            nan + "'scale' for elements from 25728 on");
  const std::string zero =
      "expects divisors that are not zero, but got 0 in plane ";
  EXPECT_EQ(messageOf("nvfp4_divisor", "scale.scale", 0, 0),
            zero + "'scale.scale' for all rows, all columns");
  EXPECT_EQ(messageOf("u4 [1, 32], divisor f16", "scale", 2, 0x8000),
            zero + "'scale' for row 100, columns 64 to 95");
  EXPECT_EQ(messageOf("nvfp4", "scale.scale", 0, 0), "");
}

} // namespace
} // namespace quern::numerics
