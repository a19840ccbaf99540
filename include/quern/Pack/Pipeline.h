// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The Pack phase: from quantized to packed IR.

#ifndef QUERN_PACK_PIPELINE_H
#define QUERN_PACK_PIPELINE_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include <string>

namespace quern::pack {

struct PackPipelineOptions
    : public mlir::PassPipelineOptions<PackPipelineOptions> {
  Option<std::string> target{
      *this, "target",
      llvm::cl::desc("Machine whose kernels read the weights: cpu or dense"),
      llvm::cl::init("cpu")};
};

/// Adds the passes of the phase, in order.
void buildPackPipeline(mlir::OpPassManager &manager,
                       const PackPipelineOptions &options);

/// Registers the pipeline as `pack`.
void registerPackPipeline();

} // namespace quern::pack

#endif // QUERN_PACK_PIPELINE_H
