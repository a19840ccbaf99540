// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The part of an export that only ONNX files have.

#include "ModelExport.h"

#include "quern/Export/Onnx.h"
#include "quern/Support/Text.h"

using namespace quern;
using namespace quern::pipelines;

Status ModelExport::openOnnx() {
  std::optional<exporter::OnnxWeights> weights =
      exporter::onnxWeightsOf(options.onnxWeights);
  if (!weights)
    return Status::error(StatusCode::InvalidArgument,
                         "expects onnx_weights to be one of " +
                             exporter::onnxWeightsNames() + ", but got " +
                             inQuotes(options.onnxWeights));
  Result<exporter::OnnxPlan> plan =
      exporter::planOnnx(front.getModule(), *weights);
  if (!plan)
    return plan.status();
  auto created = exporter::createOnnx(options.outputPath, *plan);
  if (!created)
    return created.status();
  tensors = std::move(plan->tensors);
  writer = std::move(*created);
  output = options.outputPath;
  return Status::ok();
}
