// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A model as an ONNX file: its graph and its tensors.

#include "../Graph/Lowering.h"
#include "Weights.h"

using namespace quern;
using namespace quern::exporter;

std::optional<OnnxWeights> exporter::onnxWeightsOf(const std::string &name) {
  if (name == "auto")
    return OnnxWeights::Auto;
  if (name == "qdq")
    return OnnxWeights::Qdq;
  if (name == "matmulnbits")
    return OnnxWeights::MatMulNBits;
  return std::nullopt;
}

std::string exporter::onnxWeightsNames() { return "auto, qdq, matmulnbits"; }

Result<OnnxPlan> exporter::planOnnx(mlir::ModuleOp module,
                                    OnnxWeights weights) {
  OnnxPlan plan;
  GraphBuilder graph;
  Result<OnnxWeightMap> planned =
      planOnnxWeights(module, weights, graph, plan.tensors);
  if (!planned)
    return planned.status();
  OnnxWeightReader reader(graph, *planned);
  if (Status status = ModelLowering(graph, reader).run(module); !status)
    return status;
  plan.model = graph.finish();
  return plan;
}
