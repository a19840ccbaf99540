// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Kernels that choose and scale columns, bit for bit, on every
// instruction set that this machine has and in an emulator.

#include "EmulatedKernel.h"
#include "KernelHarness.h"
#include "LinearProblem.h"
#include "RowBuffer.h"
#include "quern/Codegen/CPU/Kernels.h"
#include "quern/Numerics/EncodeTensor.h"
#include <cmath>
#include <random>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

constexpr int64_t kRowCounts[] = {1, 2, 9};

/// One kernel, what it reads beside x, and what it should make of a row.
struct Case {
  KernelSource source;
  int64_t inputWidth = 0, width = 0;
  std::vector<uint8_t> codes; ///< one row in dense order
  std::function<std::vector<float>(const float *row)> expected;
};

numerics::Format formatOf(const std::string &text) {
  return *numerics::FormatRegistry::builtin().resolve(text);
}

/// The bytes of one row in dense order.
std::vector<uint8_t> packed(const numerics::Format &format,
                            const numerics::CodedTensor &row) {
  numerics::Layout layout = numerics::makeDenseLayout(format, 1, row.cols);
  std::vector<uint8_t> bytes(
      size_t(numerics::layoutBytes(layout, 1, row.cols)));
  EXPECT_TRUE(numerics::packRows(layout, format, 1, row.cols, 0, row, bytes));
  bytes.resize(
      size_t(row.cols * format.element.bits / 8)); // no padding to read
  return bytes;
}

Case gatherCase(const std::string &type, int64_t inputWidth, int64_t width) {
  Case c;
  numerics::Format format = formatOf(type);
  std::string name = "gather_" + type + "_" + std::to_string(inputWidth) + "_" +
                     std::to_string(width);
  c.inputWidth = inputWidth;
  c.width = width;
  c.source = {name, [=](KernelBuilder &b) {
                return emitGatherColumnsKernel(b, name, format, inputWidth,
                                               width);
              }};
  // Every column, and numbers just behind the last and far away.
  std::mt19937 random(unsigned(width + inputWidth));
  numerics::CodedTensor row{1, width, {}};
  numerics::PlaneCodes &plane = row.planes["code"];
  plane = {1, width, {}};
  int32_t most = format.element.bits == 8 ? 255 : 65535;
  for (int64_t i = 0; i < width; ++i)
    plane.codes.push_back(int32_t(random() % uint32_t(inputWidth + 1)));
  plane.codes.back() = most;
  std::vector<int32_t> columns = plane.codes;
  c.codes = packed(format, row);
  c.expected = [=](const float *x) {
    std::vector<float> y;
    for (int32_t column : columns)
      y.push_back(column < inputWidth ? x[column] : 0);
    return y;
  };
  return c;
}

Case scaleCase(const std::string &type, int64_t width) {
  Case c;
  numerics::Format format = formatOf(type);
  std::string name = "scale_" + type + "_" + std::to_string(width);
  c.inputWidth = c.width = width;
  c.source = {name, [=](KernelBuilder &b) {
                return emitScaleColumnsKernel(b, name, format, width);
              }};
  std::vector<float> wanted = randomValues(width, unsigned(width));
  for (float &value : wanted)
    value = std::exp2(4 * value);
  auto coded = numerics::encodeRows(format, wanted, 1, width);
  std::vector<float> scales = numerics::decodeRows(format, *coded);
  c.codes = packed(format, *coded);
  c.expected = [=](const float *x) {
    std::vector<float> y;
    for (size_t i = 0; i < scales.size(); ++i)
      y.push_back(x[i] * scales[i]);
    return y;
  };
  return c;
}

std::vector<Case> allCases() {
  std::vector<Case> cases;
  for (const char *type : {"u8", "u16"})
    for (auto [from, to] : std::vector<std::pair<int64_t, int64_t>>{{3, 1},
                                                                    {64, 8},
                                                                    {48, 16},
                                                                    {100, 37},
                                                                    {37, 100},
                                                                    {8, 64},
                                                                    {192, 192}})
      cases.push_back(gatherCase(type, from, to));
  cases.push_back(gatherCase("u16", 1000, 513));
  for (const char *type : {"f16", "bf16", "f32", "f8E4M3FN", "f8E8M0FNU"})
    for (int64_t width : {1, 16, 37, 172, 256})
      cases.push_back(scaleCase(type, width));
  return cases;
}

RowBuffer inputOf(const Case &c, int64_t M) {
  RowBuffer x(floatRow(c.inputWidth), M);
  x.assign(randomValues(M * c.inputWidth, unsigned(c.width + M)));
  return x;
}

void expectRows(const Case &c, const RowBuffer &x, const RowBuffer &y,
                int64_t M) {
  y.expectIntact();
  for (int64_t m = 0; m < M; ++m) {
    std::vector<float> expected = c.expected(x.floats(m));
    EXPECT_EQ(std::vector<float>(y.floats(m), y.floats(m) + c.width), expected)
        << c.source.name << " row " << m << " of " << M;
  }
}

TEST(ColumnKernels, EveryInstructionSet) {
  std::vector<Case> cases = allCases();
  std::vector<KernelSource> sources;
  for (const Case &c : cases)
    sources.push_back(c.source);
  auto libraries = compileForAllTargets(sources);
  ASSERT_FALSE(libraries.empty());
  for (auto &[target, library] : libraries)
    for (Case &c : cases)
      for (int64_t M : kRowCounts)
        for (int64_t workers : {1, 3}) {
          SCOPED_TRACE(target->isa + " workers " + std::to_string(workers));
          RowBuffer x = inputOf(c, M), y(floatRow(c.width), M);
          for (int64_t w = 0; w < workers; ++w)
            library->call(c.source.name, x.data(), y.data(), c.codes.data(), M,
                          w, workers);
          expectRows(c, x, y, M);
        }
}

TEST(ColumnKernels, Emulated) {
  if (std::string why = whyNoEmulator(); !why.empty())
    GTEST_SKIP() << why;
  const int64_t M = 2;
  for (Case &c :
       std::vector<Case>{gatherCase("u16", 100, 37), scaleCase("bf16", 37),
                         scaleCase("f8E4M3FN", 64)}) {
    RowBuffer x = inputOf(c, M), y(floatRow(c.width), M);
    size_t bytesOfX = size_t(M * floatRow(c.inputWidth).stride());
    size_t bytesOfY = size_t(M * floatRow(c.width).stride());
    std::vector<EmulatedCall> calls = {
        {EmulatedArgument::of(x.data(), bytesOfX),
         EmulatedArgument::of(y.data(), bytesOfY),
         EmulatedArgument::of(c.codes.data(), c.codes.size()),
         EmulatedArgument::of(M), EmulatedArgument::of(0),
         EmulatedArgument::of(1)}};
    Status status =
        runEmulated(*lookupCpuTarget("neon"), "neoverse-n1", c.source, calls);
    ASSERT_TRUE(status) << status.message();
    std::copy(calls[0][1].bytes.begin(), calls[0][1].bytes.end(), y.data());
    expectRows(c, x, y, M);
  }
}

TEST(ColumnKernels, FormatsWithoutAKernelAreRefused) {
  for (auto [text, isGather] :
       std::vector<std::pair<const char *, bool>>{{"i8", true},
                                                  {"u4", true},
                                                  {"f16", true},
                                                  {"u16", false},
                                                  {"f4E2M1FN", false}}) {
    numerics::Format format = formatOf(text);
    std::string message;
    KernelSource source = {
        "refused", [&, isGather = isGather](KernelBuilder &b) {
          return isGather ? emitGatherColumnsKernel(b, "refused", format, 8, 8)
                          : emitScaleColumnsKernel(b, "refused", format, 8);
        }};
    auto library = KernelLibrary::create(*runnableTargets()[0], {source});
    ASSERT_FALSE(library) << text;
    EXPECT_NE(library.status().message().find("but got " + std::string(text)),
              std::string::npos)
        << library.status().message();
  }
}

} // namespace
