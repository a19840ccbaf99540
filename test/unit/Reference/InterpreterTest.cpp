// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What C++ callers see of the interpreter; the operations are tested by
// test/Reference/*.mlir.

#include "mlir/Parser/Parser.h"
#include "quern/InitAllDialects.h"
#include "quern/Reference/ReferenceModel.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace quern;
using namespace quern::reference;

namespace {
class InterpreterTest : public testing::Test {
protected:
  InterpreterTest() {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  mlir::ModuleOp parse(const char *text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context, "test");
    EXPECT_TRUE(module);
    return *module;
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
};
} // namespace

static const char *observed = R"(
  func.func @f(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    qt.observe %x as "input" : tensor<?x1xf32>
    %y = nn.add %x, %x : tensor<?x1xf32>
    qt.observe %y as "output" : tensor<?x1xf32>
    return %y : tensor<?x1xf32>
  })";

TEST_F(InterpreterTest, ShowsStatisticsAndValues) {
  WeightStore weights;
  Interpreter interpreter(parse(observed), weights);
  std::vector<std::string> seen;
  interpreter.setObserver([&](llvm::StringRef name, const Tensor &values) {
    seen.push_back(name.str() + " " + std::to_string(values.values()[0]));
  });
  interpreter.setProbe([&](mlir::Value value, const Tensor &tensor) {
    seen.push_back(value.getDefiningOp()->getName().getStringRef().str());
  });
  llvm::SmallVector<Value> results;
  Tensor x = Tensor::ofReals({1, 1}, {1.5});
  ASSERT_TRUE(
      succeeded(interpreter.call(interpreter.lookup("f"), {x}, results)));
  EXPECT_EQ(seen, (std::vector<std::string>{"input 1.500000", "nn.add",
                                            "output 3.000000"}));
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(std::get<Tensor>(results[0]).values()[0], 3);
}

TEST_F(InterpreterTest, RefusesArgumentsOfAnotherType) {
  WeightStore weights;
  Interpreter interpreter(parse(observed), weights);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          message = diagnostic.str();
                                          return mlir::success();
                                        });
  llvm::SmallVector<Value> results;
  auto call = [&](llvm::ArrayRef<Value> arguments) {
    return interpreter.call(interpreter.lookup("f"), arguments, results);
  };
  EXPECT_TRUE(failed(call({})));
  EXPECT_EQ(message, "'func.func' op expects 1 arguments, but got 0");
  EXPECT_TRUE(failed(call({Tensor::ofReals({1, 2}, {1, 2})})));
  EXPECT_EQ(message, "'func.func' op argument 0 expects tensor<?x1xf32>, but "
                     "got real numbers of shape [1, 2]");
  EXPECT_TRUE(failed(call({Tensor::ofIndex(3)})));
  EXPECT_EQ(message, "'func.func' op argument 0 expects tensor<?x1xf32>, but "
                     "got an index");
}

/// A model whose logits are the mean of the embeddings seen so far.
static const char *meanModel = R"(
  param.global @table : tensor<4x2xf32> =
    #nn.rope_table<positions = 4, inverse_frequencies = [1.0]>
  func.func @forward(%tokens: tensor<?xi32>, %position: index, %rows: index,
      %cache: !nn.kv_cache<layers = 1, heads = 1, head_dim = 2, element = f32>)
      -> tensor<?x2xf32> {
    %t = param.load @table : tensor<4x2xf32>
    %x = nn.embedding %tokens, %t
      : (tensor<?xi32>, tensor<4x2xf32>) -> tensor<?x2xf32>
    nn.kv_append %x, %x into %cache[0] at %position : tensor<?x2xf32>,
      !nn.kv_cache<layers = 1, heads = 1, head_dim = 2, element = f32>
    %y = nn.attention %x, %cache[0] at %position scale 0.0 : (tensor<?x2xf32>,
      !nn.kv_cache<layers = 1, heads = 1, head_dim = 2, element = f32>)
      -> tensor<?x2xf32>
    %z = nn.last_rows %y, %rows : tensor<?x2xf32>
    return %z : tensor<?x2xf32>
  })";

TEST_F(InterpreterTest, ModelContinuesWhereItWas) {
  Result<ReferenceModel> model =
      ReferenceModel::create(parse(meanModel), nullptr);
  ASSERT_TRUE(model) << model.status().message();
  const std::vector<int32_t> tokens = {0, 3, 1};
  Result<std::vector<float>> whole = model->logits(tokens, 3);
  ASSERT_TRUE(whole) << whole.status().message();
  ASSERT_EQ(whole->size(), 6u);
  EXPECT_EQ((*whole)[0], 1); // cos 0
  EXPECT_FLOAT_EQ((*whole)[2], (1 + std::cos(3.0)) / 2);

  model->reset();
  for (size_t i = 0; i < tokens.size(); ++i) {
    Result<Tensor> step =
        model->extend(Span<const int32_t>(tokens).subspan(i, 1), 1);
    ASSERT_TRUE(step) << step.status().message();
    for (size_t column = 0; column < 2; ++column)
      EXPECT_EQ(step->values()[column], (*whole)[i * 2 + column]);
  }
}

TEST_F(InterpreterTest, ModelTurnsDiagnosticsIntoItsStatus) {
  Result<ReferenceModel> model =
      ReferenceModel::create(parse(meanModel), nullptr);
  ASSERT_TRUE(model) << model.status().message();
  Result<std::vector<float>> logits =
      model->logits(std::vector<int32_t>{0, 4}, 1);
  ASSERT_FALSE(logits);
  EXPECT_EQ(logits.status().message(),
            "test:8:10: 'nn.embedding' op expects tokens below 4, but got 4");
}

TEST_F(InterpreterTest, ModelNeedsItsFunction) {
  EXPECT_EQ(ReferenceModel::create(parse(observed), nullptr).status().message(),
            "the module has no function 'forward'");
  EXPECT_EQ(
      ReferenceModel::create(parse(observed), nullptr, "f").status().message(),
      "expects function 'f' to be (tokens, index, index, cache) -> logits, but "
      "got (tensor<?x1xf32>) -> tensor<?x1xf32>");
}
