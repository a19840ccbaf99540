// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Quantize kernels against numerics::encodeRows, bit for bit.

#include "KernelHarness.h"
#include "LinearProblem.h"
#include "RowBuffer.h"
#include "quern/Codegen/CPU/Kernels.h"
#include "quern/Numerics/EncodeTensor.h"
#include <cmath>
#include <limits>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;
using namespace quern::numerics;

namespace {

struct Case {
  int64_t width;
  int64_t group; ///< 0: bfloat16
};

const Case kCases[] = {{8, 8},   {104, 8},  {16, 16}, {176, 16},  {100, 20},
                       {96, 32}, {144, 48}, {64, 64}, {384, 128}, {1, 0},
                       {7, 0},   {16, 0},   {17, 0},  {64, 0},    {172, 0}};

ActivationRow outputRow(const Case &c) {
  if (c.group == 0)
    return {ActivationRow::Kind::BF16, c.width, 0};
  return {ActivationRow::Kind::Int8, c.width, c.group};
}

Format formatOf(const Case &c) {
  std::string text =
      c.group ? "i8 [1, " + std::to_string(c.group) + "], scale f32" : "bf16";
  auto format = FormatRegistry::builtin().resolve(text);
  EXPECT_TRUE(format.isOk()) << format.status().message();
  return *format;
}

std::string nameOf(const Case &c) {
  return "quantize_" + std::to_string(c.width) + "_" + std::to_string(c.group);
}

/// Random rows with what is hard: a group of zeros, negative zero, tiny,
/// subnormal and huge values, ties.
std::vector<float> hardValues(const Case &c, int64_t rows) {
  std::vector<float> x = randomValues(rows * c.width, unsigned(c.width));
  static const float hard[] = {
      0.0f,   -0.0f, 1e-41f, 3e38f, -1e-30f,           1.5f,      2.5f, -3.0f,
      127.0f, 63.5f, -63.5f, 1e30f, 1.0f + 1.0f / 256, 3.0f / 256};
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t k = 0; k < c.width; ++k) {
      float &value = x[m * c.width + k];
      if (m % 4 == 1 && k < std::max<int64_t>(c.group, 4))
        value = 0;
      if (m % 4 == 2)
        value = hard[(k * 5 + m) % std::size(hard)];
      if (m % 4 == 3)
        value *= 1e-38f;
    }
  if (c.group == 0) // types with an infinity keep it
    x.back() = -std::numeric_limits<float>::infinity();
  return x;
}

/// The output row that encodeRows prescribes.
RowBuffer expectedRows(const Case &c, const std::vector<float> &x,
                       int64_t rows) {
  ActivationRow row = outputRow(c);
  RowBuffer expected(row, rows);
  auto coded = encodeRows(formatOf(c), x, rows, c.width);
  EXPECT_TRUE(coded.isOk()) << coded.status().message();
  const std::vector<int32_t> &codes = coded->planes["code"].codes;
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t k = 0; k < c.width; ++k) {
      int32_t code = codes[m * c.width + k];
      if (c.group == 0) {
        uint16_t half = uint16_t(code);
        std::memcpy(expected.rowBytes(m) + 2 * k, &half, 2);
        continue;
      }
      expected.rowBytes(m)[k] = uint8_t(code);
      int64_t groups = c.width / c.group, group = k / c.group;
      addToSums(row, expected.rowBytes(m), k, code);
      // The codes of an f32 plane are its bits.
      int32_t scale = coded->planes["scale"].codes[m * groups + group];
      std::memcpy(expected.rowBytes(m) + row.scalesOffset() + 4 * group, &scale,
                  4);
    }
  return expected;
}

TEST(QuantizeKernel, EqualsEncodeRows) {
  std::vector<KernelSource> sources;
  for (const Case &c : kCases)
    sources.push_back({nameOf(c), [&c](KernelBuilder &builder) {
                         return emitQuantizeKernel(builder, nameOf(c),
                                                   formatOf(c), outputRow(c));
                       }});
  auto libraries = compileForAllTargets(sources);
  for (const Case &c : kCases)
    for (int64_t rows : {1, 2, 5, 9}) {
      std::vector<float> values = hardValues(c, rows);
      RowBuffer x(floatRow(c.width), rows);
      x.assign(values);
      RowBuffer expected = expectedRows(c, values, rows);
      for (auto &[target, library] : libraries)
        for (int64_t workers : {1, 2, 3}) {
          SCOPED_TRACE(target->isa + " " + nameOf(c) + " rows " +
                       std::to_string(rows));
          RowBuffer y(outputRow(c), rows);
          for (int64_t w = 0; w < workers; ++w)
            library->call(nameOf(c), x.data(), y.data(), rows, w, workers);
          EXPECT_TRUE(y == expected);
          y.expectIntact();
        }
    }
}

TEST(QuantizeKernel, RefusesOtherFormats) {
  Case c = {96, 32};
  for (const char *text :
       {"i8 [1, 32], scale f16", "u8 [1, 32], scale f32, zero f32",
        "i4 [1, 32], scale f32", "f8E4M3FN [1, 32], scale f32"}) {
    auto format = FormatRegistry::builtin().resolve(text);
    ASSERT_TRUE(format.isOk());
    auto library = KernelLibrary::create(
        cpuTargets().back(), {{"quantize", [&](KernelBuilder &builder) {
                                 return emitQuantizeKernel(builder, "quantize",
                                                           *format,
                                                           outputRow(c));
                               }}});
    ASSERT_FALSE(library.isOk()) << text;
    EXPECT_NE(library.status().message().find("i8 [1, G], scale f32"),
              std::string::npos)
        << library.status().message();
  }
}

} // namespace
