// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file quantize-set-compute: choose the precision of every matrix product.

#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Quantize/Passes.h"

namespace quern::quantize {
#define GEN_PASS_DEF_SETCOMPUTEPASS
#include "quern/Quantize/Passes.h.inc"
} // namespace quern::quantize

using namespace quern;

namespace {
struct SetCompute : public quantize::impl::SetComputePassBase<SetCompute> {
  using SetComputePassBase::SetComputePassBase;

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    std::optional<nn::Compute> chosen = nn::symbolizeCompute(compute);
    if (!chosen) {
      mlir::emitError(module.getLoc())
          << "expects compute 'f32', 'bf16' or 'int8', but got '" << compute
          << "'";
      return signalPassFailure();
    }
    module.walk([&](nn::LinearOp linear) { linear.setCompute(*chosen); });
  }
};
} // namespace
