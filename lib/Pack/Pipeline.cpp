// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The order of the Pack phase.

#include "quern/Pack/Pipeline.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "quern/Pack/Passes.h"

using namespace quern;

void pack::buildPackPipeline(mlir::OpPassManager &manager,
                             const PackPipelineOptions &options) {
  // Tables are weights too: they must be there when layouts are given.
  manager.addPass(createMaterializeRopePass());
  if (options.target == "cpu")
    manager.addPass(createAlignBlocksPass());
  manager.addPass(createAssignLayoutsPass({options.target}));
  manager.addPass(createLowerToKernelsPass());
  // Every rope loads its table; one load for each is enough.
  manager.addPass(mlir::createCSEPass());
}

void pack::registerPackPipeline() {
  mlir::PassPipelineRegistration<PackPipelineOptions>(
      "pack", "Give weights their layouts and operations their kernels",
      buildPackPipeline);
}
