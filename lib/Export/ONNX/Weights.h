// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How each weight of a model is held in an ONNX file.

#ifndef QUERN_LIB_EXPORT_ONNX_WEIGHTS_H
#define QUERN_LIB_EXPORT_ONNX_WEIGHTS_H

#include "GraphBuilder.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Export/Onnx.h"
#include "quern/Numerics/Format.h"

#include <map>

namespace quern::exporter {

/// A weight as the graph has it.
struct OnnxWeight {
  enum class Kind {
    Plain, ///< numbers, in `codes`
    Qdq,   ///< for DequantizeLinear
    NBits, ///< for MatMulNBits
  };
  Kind kind = Kind::Plain;
  numerics::Format format;
  int64_t rows = 1, cols = 1;
  bool isTransposed = false;
  /// Names of tensors; `zero` is empty if there is none.
  std::string codes, scale, zero;
  OnnxType codeType = OnnxType::Float;
  OnnxType scaleType = OnnxType::Float;
  /// That of the codes, packed codes, or a float.
  OnnxType zeroType = OnnxType::UInt8;

  /// Columns of a block.
  int64_t size() const { return format.block.cols ? format.block.cols : cols; }
  bool hasFloatZero() const {
    return !zero.empty() &&
           format.offset->element.kind == numerics::ElementKind::Float;
  }
  int64_t blocksAcross() const { return (cols + size() - 1) / size(); }
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

/// Reads weights in a graph: adds the nodes that decode them.
class WeightReader {
public:
  WeightReader(GraphBuilder &graph, const OnnxWeightMap &weights)
      : graph(graph), weights(weights) {}

  const OnnxWeight &at(const std::string &name) const {
    return weights.at(name);
  }
  /// The numbers of a vector.
  std::string vector(const std::string &name) { return at(name).codes; }
  /// `input` times the transpose of a matrix.
  std::string product(const std::string &name, const std::string &input);
  /// The rows of a matrix with the numbers `indices` [batch, sequence].
  std::string rows(const std::string &name, const std::string &indices);

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
