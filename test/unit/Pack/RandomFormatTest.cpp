// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Formats that nobody named, from a weight in IR to packed bytes: the
// interpreter before and after packing, and what the bytes hold.

#include "Numerics/RandomFormat.h"
#include "Numerics/EncodeTestUtil.h"
#include "Weights/MemorySource.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "quern/InitAllDialects.h"
#include "quern/Numerics/ErrorBound.h"
#include "quern/Pack/FoldWeights.h"
#include "quern/Pack/Pipeline.h"
#include "quern/Reference/Interpreter.h"
#include <cmath>

using namespace quern;
using namespace quern::numerics;

namespace {

constexpr int64_t tokens = 3;

std::string moduleText(const RandomFormat &source) {
  std::string rows = std::to_string(source.rows);
  std::string cols = std::to_string(source.cols);
  std::string plain = "tensor<" + rows + "x" + cols + "xf32";
  std::string weight = plain + ", #qt.format<" + source.text + ">>";
  std::string x = "tensor<?x" + cols + "xf32>";
  std::string y = "tensor<?x" + rows + "xf32>";
  return "param.global @w : " + weight +
         " = #qt.encode<#param.external<\"model\", \"w\">, from = f32, "
         "solver = \"rtn\">\n"
         "func.func @f(%x: " +
         x + ") -> " + y +
         " {\n"
         "  %w = param.load @w : " +
         weight +
         "\n"
         "  %y = nn.linear %x, %w : (" +
         x + ", " + weight + ") -> " + y + "\n  return %y : " + y + "\n}\n";
}

/// A weight of a drawn format in a module, and what numerics makes of it.
class RandomFormats : public testing::TestWithParam<unsigned> {
protected:
  RandomFormats() : source(FormatGenerator(GetParam()).draw()) {
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    values = normalValues(source.rows * source.cols, GetParam());
    memory = std::make_shared<weights::test::MemorySource>();
    memory->addF32("w", {source.rows, source.cols}, values);
    module =
        mlir::parseSourceString<mlir::ModuleOp>(moduleText(source), &context);
    format = *parseFormat(source.text, FormatRegistry::builtin());
    coded = *encodeRows(format, values, source.rows, source.cols);
  }

  void pack() {
    mlir::PassManager manager(&context);
    pack::buildPackPipeline(manager, pack::PackPipelineOptions());
    ASSERT_TRUE(succeeded(manager.run(*module)));
  }

  std::vector<float> interpret(const std::vector<float> &x) {
    reference::WeightStore store;
    store.bind("model", memory);
    reference::Interpreter interpreter(*module, store);
    llvm::SmallVector<reference::Value> results;
    auto input = reference::Tensor::ofReals({tokens, source.cols}, x);
    EXPECT_TRUE(
        succeeded(interpreter.call(interpreter.lookup("f"), {input}, results)));
    if (results.size() != 1)
      return {};
    auto y = std::get<reference::Tensor>(results[0]).values();
    return {y.begin(), y.end()};
  }

  RandomFormat source;
  mlir::DialectRegistry registry;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<float> values;
  std::shared_ptr<weights::test::MemorySource> memory;
  Format format;
  CodedTensor coded;
};

TEST_P(RandomFormats, InterpreterMultipliesWhatIsDecoded) {
  SCOPED_TRACE(source.text);
  ASSERT_TRUE(module);
  std::vector<float> w = decodeRows(format, coded);
  std::vector<float> x = normalValues(tokens * source.cols, GetParam() + 1);
  std::vector<float> y = interpret(x);
  ASSERT_EQ(y.size(), size_t(tokens * source.rows));
  for (int64_t m = 0; m < tokens; ++m)
    for (int64_t n = 0; n < source.rows; ++n) {
      Span<const float> row(&x[size_t(m * source.cols)], size_t(source.cols));
      Span<const float> col(&w[size_t(n * source.cols)], size_t(source.cols));
      double sum = 0;
      for (size_t k = 0; k < row.size(); ++k)
        sum += double(row[k]) * double(col[k]);
      ASSERT_NEAR(y[size_t(m * source.rows + n)], sum, dotErrorBound(row, col));
    }
  pack();
  EXPECT_TRUE(y == interpret(x)) << "packing changes the result";
}

TEST_P(RandomFormats, PackedBytesHoldTheCodes) {
  SCOPED_TRACE(source.text);
  ASSERT_TRUE(module);
  pack();
  int64_t count = 0;
  auto check = [&](const pack::PackedTensor &tensor,
                   Span<const uint8_t> bytes) {
    ++count;
    Result<Format> packedFormat =
        parseFormat(tensor.format, FormatRegistry::builtin());
    Result<Layout> layout = parseLayout(tensor.layout);
    EXPECT_TRUE(packedFormat && layout);
    Result<CodedTensor> held = unpackRows(*layout, *packedFormat, source.rows,
                                          source.cols, 0, source.rows, bytes);
    EXPECT_TRUE(held) << held.status().message();
    EXPECT_TRUE(decodeRows(*packedFormat, *held) == decodeRows(format, coded));
    return Status::ok();
  };
  Status status = pack::foldWeights(*module, *memory, check, {});
  EXPECT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(count, 1);
}

INSTANTIATE_TEST_SUITE_P(Drawn, RandomFormats, testing::Range(0u, 100u));

} // namespace
