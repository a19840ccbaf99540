// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file cpu-lower-kernels: kernels become functions, the model their calls.

#include "ForwardBuilder.h"
#include "quern/Codegen/CPU/Passes.h"

namespace quern::codegen {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "quern/Codegen/CPU/Passes.h.inc"
} // namespace quern::codegen

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// The function of the model: the only one with kernels.
static func::FuncOp findModelFunction(ModuleOp module) {
  func::FuncOp found;
  for (auto function : module.getOps<func::FuncOp>()) {
    bool hasKernels =
        function.walk([](qk::KernelOp) { return WalkResult::interrupt(); })
            .wasInterrupted();
    if (hasKernels && found)
      return nullptr;
    if (hasKernels)
      found = function;
  }
  return found;
}

namespace {
struct LowerKernelsPass
    : codegen::impl::LowerKernelsPassBase<LowerKernelsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    const CpuTarget *target = lookupCpuTarget(isa);
    if (!target) {
      module.emitError() << "expects isa to be " << listCpuTargets()
                         << ", but got '" << isa << "'";
      return signalPassFailure();
    }
    func::FuncOp function = findModelFunction(module);
    if (!function) {
      module.emitError() << "expects exactly one function with kernels";
      return signalPassFailure();
    }
    Result<BufferPlan> plan = BufferPlan::create(function, maxChunk);
    if (!plan) {
      function.emitError() << plan.status().message();
      return signalPassFailure();
    }
    ForwardBuilder builder(module, function, *target, *plan, maxChunk);
    if (failed(builder.build()))
      return signalPassFailure();
    function.erase();
    for (auto global :
         llvm::make_early_inc_range(module.getOps<param::GlobalOp>()))
      global.erase();
  }
};
} // namespace
