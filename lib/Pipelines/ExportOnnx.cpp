// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The part of an export that only ONNX files have.

#include "ExportOnnx.h"

#include "quern/Export/Onnx.h"
#include "quern/Support/Text.h"

using namespace quern;
using namespace quern::pipelines;

Result<ContainerFile> pipelines::openOnnx(mlir::ModuleOp module,
                                          const ExportOptions &options) {
  std::optional<exporter::OnnxWeights> weights =
      exporter::onnxWeightsOf(options.onnxWeights);
  if (!weights)
    return Status::error(StatusCode::InvalidArgument,
                         "expects onnx_weights to be one of " +
                             exporter::onnxWeightsNames() + ", but got " +
                             inQuotes(options.onnxWeights));
  Result<exporter::OnnxPlan> plan = exporter::planOnnx(module, *weights);
  if (!plan)
    return plan.status();
  auto writer = exporter::createOnnx(options.outputPath, *plan);
  if (!writer)
    return writer.status();
  return ContainerFile{std::move(plan->tensors), std::move(*writer)};
}
