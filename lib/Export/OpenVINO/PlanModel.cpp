// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A model as OpenVINO's IR: the layers that decode weights, and the
// whole.

#include "../Graph/Lowering.h"
#include "Weights.h"

using namespace quern;
using namespace quern::exporter;

std::string IrWeightReader::floats(const std::string &value, IrType type) {
  return type == IrType::F32 ? value : graph.convert(value, IrType::F32);
}

/// The numbers of a matrix, decoded once. The steps are those that plugins look
/// for before a product or a Gather.
std::string IrWeightReader::matrix(const std::string &name) {
  std::string &made = matrices[name];
  if (!made.empty())
    return made;
  const IrWeight &weight = weights.at(name);
  made = floats(weight.codes, weight.codeType);
  if (!weight.zero.empty())
    made = graph.subtract(made, floats(weight.zero, weight.zeroType));
  if (!weight.scale.empty())
    made = graph.multiply(made, floats(weight.scale, weight.scaleType));
  if (weight.format.isScaled() && weight.format.block.cols)
    made = graph.reshape(made, {weight.rows, weight.cols});
  return made;
}

std::string IrWeightReader::product(const std::string &name,
                                    const std::string &input) {
  return graph.matmulTransposed(input, matrix(name));
}

std::string IrWeightReader::rows(const std::string &name,
                                 const std::string &indices) {
  return graph.gather(matrix(name), indices);
}

Result<OpenVinoPlan> exporter::planOpenVino(mlir::ModuleOp module) {
  OpenVinoPlan plan;
  IrGraph graph;
  Result<IrWeightMap> planned = planIrWeights(module, graph, plan);
  if (!planned)
    return planned.status();
  IrWeightReader reader(graph, *planned);
  if (Status status = ModelLowering(graph, reader).run(module); !status)
    return status;
  plan.constants = graph.smallConstants();
  plan.model = graph.finish();
  return plan;
}
