// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Reading rows as float, and the search for NaN and infinity.

#include "quern/Weights/Registry.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace quern;
using namespace quern::weights;

namespace {
/// Writes one-tensor files that are removed at the end of the test.
class WeightSourceTest : public testing::Test {
protected:
  /// Opens a new file with a tensor 'w' of these fields and data.
  std::unique_ptr<WeightSource> make(const std::string &dtype,
                                     const std::string &shape,
                                     const std::string &data) {
    path = testing::TempDir() + "quern-" +
           testing::UnitTest::GetInstance()->current_test_info()->name() +
           ".safetensors";
    // The odd length of the header leaves the data unaligned.
    std::string header = "{\"w\":{\"dtype\":\"" + dtype +
                         "\",\"shape\":" + shape + ",\"data_offsets\":[0," +
                         std::to_string(data.size()) + "]}}";
    header += header.size() % 2 ? "" : " ";
    uint64_t length = header.size();
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char *>(&length), 8);
    out << header << data;
    out.close();
    Result<std::unique_ptr<WeightSource>> source = openWeights(path);
    EXPECT_TRUE(source) << source.status().message();
    return source ? std::move(*source) : nullptr;
  }
  void TearDown() override { std::filesystem::remove(path); }

  std::string path;
};
} // namespace

template <typename T> static std::string bytesOf(const std::vector<T> &values) {
  return std::string(reinterpret_cast<const char *>(values.data()),
                     values.size() * sizeof(T));
}

static std::vector<uint16_t> allHalves() {
  std::vector<uint16_t> codes(65536);
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<uint16_t>(i);
  return codes;
}

/// The value of a half by its definition.
static double valueOfHalf(uint16_t code, int exponentBits, int fractionBits) {
  int exponent = code >> fractionBits & ((1 << exponentBits) - 1);
  int fraction = code & ((1 << fractionBits) - 1);
  int bias = (1 << (exponentBits - 1)) - 1;
  double sign = code >> 15 ? -1 : 1;
  if (exponent == (1 << exponentBits) - 1)
    return fraction ? NAN : sign * INFINITY;
  if (exponent == 0)
    return sign * std::ldexp(fraction, 1 - bias - fractionBits);
  return sign * std::ldexp(fraction + (1 << fractionBits),
                           exponent - bias - fractionBits);
}

static void expectAllCodes(const WeightSource &source, int exponentBits,
                           int fractionBits) {
  std::vector<float> out(65536);
  Status status = readRowsAsFloat(source, "w", 0, 256, out);
  ASSERT_TRUE(status) << status.message();
  for (int code = 0; code < 65536; ++code) {
    double expected = valueOfHalf(code, exponentBits, fractionBits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(out[code])) << code;
      continue;
    }
    EXPECT_EQ(out[code], expected) << code;
    EXPECT_EQ(std::signbit(out[code]), std::signbit(expected)) << code;
  }
}

TEST_F(WeightSourceTest, EveryCodeOfF16) {
  auto source = make("F16", "[256,256]", bytesOf(allHalves()));
  ASSERT_TRUE(source);
  expectAllCodes(*source, 5, 10);
}

TEST_F(WeightSourceTest, EveryCodeOfBF16) {
  auto source = make("BF16", "[256,256]", bytesOf(allHalves()));
  ASSERT_TRUE(source);
  expectAllCodes(*source, 8, 7);
}

TEST_F(WeightSourceTest, RowsOfF32) {
  auto source =
      make("F32", "[2,2,3]",
           bytesOf(std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  ASSERT_TRUE(source);
  EXPECT_EQ(source->find("w")->rows(), 4);
  EXPECT_EQ(source->find("w")->columns(), 3);
  std::vector<float> out(6);
  ASSERT_TRUE(readRowsAsFloat(*source, "w", 1, 3, out));
  EXPECT_EQ(out, (std::vector<float>{3, 4, 5, 6, 7, 8}));
  source->release(*source->find("w"));
  ASSERT_TRUE(readRowsAsFloat(*source, "w", 2, 4, out));
  EXPECT_EQ(out, (std::vector<float>{6, 7, 8, 9, 10, 11}));
}

TEST_F(WeightSourceTest, MisuseIsExplained) {
  auto source = make("F32", "[2,3]", std::string(24, 0));
  ASSERT_TRUE(source);
  std::vector<float> out(3);
  EXPECT_EQ(readRowsAsFloat(*source, "v", 0, 1, out).message(),
            path + ": expects a tensor 'v', but there is none of this name");
  EXPECT_EQ(readRowsAsFloat(*source, "w", 1, 3, out).message(),
            path + ": tensor 'w': expects rows within [0, 2), but got [1, 3)");
  EXPECT_EQ(readRowsAsFloat(*source, "w", 0, 2, out).message(),
            path + ": tensor 'w': expects room for 6 elements, but got room "
                   "for 3");
}

TEST_F(WeightSourceTest, OtherElementTypesAreNotConverted) {
  auto source = make("I32", "[1]", std::string(4, 0));
  ASSERT_TRUE(source);
  std::vector<float> out(1);
  const std::string message =
      path + ": tensor 'w': expects element type F32, F16 or BF16, but got I32";
  EXPECT_EQ(readRowsAsFloat(*source, "w", 0, 1, out).message(), message);
  EXPECT_EQ(checkFinite(*source, "w").message(), message);
}

TEST_F(WeightSourceTest, FiniteTensorsPass) {
  std::vector<float> values(10000, 3.4e38f);
  values[5000] = -3.4e38f;
  auto source = make("F32", "[100,100]", bytesOf(values));
  ASSERT_TRUE(source);
  EXPECT_TRUE(checkFinite(*source, "w"));
}

TEST_F(WeightSourceTest, NaNIsFoundWithItsIndex) {
  std::vector<float> values(10000, 1);
  values[7302] = NAN;
  values[7303] = INFINITY;
  auto source = make("F32", "[100,100]", bytesOf(values));
  ASSERT_TRUE(source);
  EXPECT_EQ(checkFinite(*source, "w").message(),
            path + ": tensor 'w': expects finite values, but got nan at "
                   "[73, 2]");
}

TEST_F(WeightSourceTest, InfinityOfHalfIsFound) {
  auto source =
      make("F16", "[3]", bytesOf(std::vector<uint16_t>{0, 0x7bff, 0xfc00}));
  ASSERT_TRUE(source);
  EXPECT_EQ(checkFinite(*source, "w").message(),
            path + ": tensor 'w': expects finite values, but got inf at [2]");
}

TEST_F(WeightSourceTest, ScalarsAndEmptyTensorsAreRead) {
  auto scalar = make("F32", "[]", bytesOf(std::vector<float>{2}));
  ASSERT_TRUE(scalar);
  std::vector<float> out(1);
  ASSERT_TRUE(readRowsAsFloat(*scalar, "w", 0, 1, out));
  EXPECT_EQ(out[0], 2);
  auto empty = make("F32", "[3,0]", "");
  ASSERT_TRUE(empty);
  EXPECT_TRUE(readRowsAsFloat(*empty, "w", 0, 3, {}));
  EXPECT_TRUE(checkFinite(*empty, "w"));
}
