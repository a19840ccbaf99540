// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How each weight of a model is held in an ONNX file.

#ifndef QUERN_LIB_EXPORT_ONNX_WEIGHTS_H
#define QUERN_LIB_EXPORT_ONNX_WEIGHTS_H

#include "../Graph/GraphWeights.h"
#include "GraphBuilder.h"
#include "quern/Export/Onnx.h"
#include "quern/Numerics/Format.h"

#include <map>

namespace quern::exporter {

/// A weight as the graph has it.
struct OnnxWeight : GraphMatrix {
  enum class Kind {
    Plain, ///< numbers, in `codes`
    Qdq,   ///< for DequantizeLinear
    NBits, ///< for MatMulNBits
  };
  Kind kind = Kind::Plain;
  /// Names of tensors; `zero` is empty if there is none.
  std::string codes, scale, zero;
  OnnxType codeType = OnnxType::Float;
  OnnxType scaleType = OnnxType::Float;
  /// That of the codes, packed codes, or a float.
  OnnxType zeroType = OnnxType::UInt8;

  bool hasFloatZero() const {
    return !zero.empty() &&
           format.offset->element.kind == numerics::ElementKind::Float;
  }
};

/// The weights of a module by name.
using OnnxWeightMap = std::map<std::string, OnnxWeight>;

/// Chooses how each weight of `module` is held, gives it its layout, and adds
/// its tensors to `graph` and to `tensors`. Errors begin with the weight.
Result<OnnxWeightMap> planOnnxWeights(mlir::ModuleOp module,
                                      OnnxWeights weights, GraphBuilder &graph,
                                      std::vector<ContainerTensor> &tensors);

/// The type of the numbers of an unscaled element; none if ONNX has no such.
std::optional<OnnxType> onnxTypeOf(const numerics::Element &element);

/// Adds the nodes that decode weights.
class OnnxWeightReader : public WeightReader {
public:
  OnnxWeightReader(GraphBuilder &graph, const OnnxWeightMap &weights)
      : graph(graph), weights(weights) {}

  const OnnxWeight &at(const std::string &name) const {
    return weights.at(name);
  }
  std::string vector(const std::string &name) override {
    return at(name).codes;
  }
  std::string product(const std::string &name,
                      const std::string &input) override;
  std::string rows(const std::string &name,
                   const std::string &indices) override;

private:
  std::string floats(const std::string &value, OnnxType type);
  std::string matrix(const std::string &name);
  std::string dequantized(const OnnxWeight &weight);
  std::string rowsOfCodes(const OnnxWeight &weight, const std::string &indices);
  std::string rowsOfBits(const OnnxWeight &weight, const std::string &indices);
  std::string unpacked(const std::string &bytes, unsigned bits, int64_t count);

  GraphBuilder &graph;
  const OnnxWeightMap &weights;
  std::map<std::string, std::string> matrices; ///< decoded, by name
};

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_ONNX_WEIGHTS_H
