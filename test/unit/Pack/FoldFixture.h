// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Folding the weights of a module that is given as text.

#ifndef QUERN_TEST_UNIT_PACK_FOLDFIXTURE_H
#define QUERN_TEST_UNIT_PACK_FOLDFIXTURE_H

#include "Weights/MemorySource.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "quern/Dialect/NN/IR/NNDialect.h"
#include "quern/Dialect/Param/IR/ParamDialect.h"
#include "quern/Dialect/QK/IR/QKDialect.h"
#include "quern/Dialect/QT/IR/QTDialect.h"
#include "quern/Pack/FoldWeights.h"
#include "quern/Pack/Passes.h"
#include <cstring>
#include <gtest/gtest.h>

namespace quern::pack::test {

class FoldFixture : public testing::Test {
protected:
  FoldFixture() {
    context.loadDialect<nn::NNDialect, param::ParamDialect, qk::QKDialect,
                        qt::QTDialect>();
  }

  /// Parses a module and gives its weights layouts for `target`.
  void load(const std::string &text, const std::string &target) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    mlir::PassManager manager(&context);
    if (target == "cpu")
      manager.addPass(createAlignBlocksPass());
    manager.addPass(createAssignLayoutsPass({target}));
    ASSERT_TRUE(succeeded(manager.run(*module)));
  }

  Status fold(unsigned threads) {
    FoldOptions options;
    options.threads = threads;
    options.progress = [&](int64_t done, int64_t total) {
      progress = {done, total};
    };
    tensors.clear();
    bytes.clear();
    return foldWeights(
        *module, source,
        [&](const PackedTensor &tensor, Span<const uint8_t> packed) {
          tensors.push_back(tensor);
          bytes.emplace_back(packed.begin(), packed.end());
          return Status::ok();
        },
        options);
  }

  std::vector<float> floatsOf(size_t index) const {
    std::vector<float> values(bytes[index].size() / 4);
    std::memcpy(values.data(), bytes[index].data(), bytes[index].size());
    return values;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  weights::test::MemorySource source;
  std::vector<PackedTensor> tensors;
  std::vector<std::vector<uint8_t>> bytes;
  std::pair<int64_t, int64_t> progress;
};

} // namespace quern::pack::test

#endif // QUERN_TEST_UNIT_PACK_FOLDFIXTURE_H
