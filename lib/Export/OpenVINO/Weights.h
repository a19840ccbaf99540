// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How each weight of a model is held in OpenVINO's IR.

#ifndef QUERN_LIB_EXPORT_OPENVINO_WEIGHTS_H
#define QUERN_LIB_EXPORT_OPENVINO_WEIGHTS_H

#include "../Graph/GraphWeights.h"
#include "IrGraph.h"
#include "quern/Export/OpenVino.h"

#include <map>

namespace quern::exporter {

/// A weight as the graph has it.
struct IrWeight : GraphMatrix {
  /// Names of constants; empty if there is none.
  std::string codes, scale, zero;
  IrType codeType = IrType::F32, scaleType = IrType::F32, zeroType = IrType::U8;
};

/// The weights of a module by name.
using IrWeightMap = std::map<std::string, IrWeight>;

/// Gives each weight of `module` its layout, and adds its constants to `graph`
/// and its tensors to `plan`. Errors begin with the weight.
Result<IrWeightMap> planIrWeights(mlir::ModuleOp module, IrGraph &graph,
                                  OpenVinoPlan &plan);

/// Adds the layers that decode weights.
class IrWeightReader : public WeightReader {
public:
  IrWeightReader(IrGraph &graph, const IrWeightMap &weights)
      : graph(graph), weights(weights) {}

  std::string vector(const std::string &name) override {
    return weights.at(name).codes;
  }
  std::string product(const std::string &name,
                      const std::string &input) override;
  std::string rows(const std::string &name,
                   const std::string &indices) override;

private:
  std::string floats(const std::string &value, IrType type);
  std::string matrix(const std::string &name);

  IrGraph &graph;
  const IrWeightMap &weights;
  std::map<std::string, std::string> matrices; ///< decoded, by name
};

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_OPENVINO_WEIGHTS_H
