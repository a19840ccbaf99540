// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Builds the graph of an ONNX model node by node.

#ifndef QUERN_LIB_EXPORT_ONNX_GRAPHBUILDER_H
#define QUERN_LIB_EXPORT_ONNX_GRAPHBUILDER_H

#include "../Graph/ModelGraph.h"
#include "onnx.pb.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace quern::exporter {

/// Types of elements, by the numbers of TensorProto.DataType.
enum class OnnxType : int32_t {
  Float = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int64 = 7,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  BFloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  UInt4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  UInt2 = 25,
  Int2 = 26,
};

/// What the specification calls it, such as "INT4".
const char *onnxTypeName(OnnxType type);

OnnxType onnxTypeOf(ValueType type);

/// An attribute of a node: an integer, integers, a float or a string.
struct OnnxAttribute {
  std::string name;
  std::variant<int64_t, std::vector<int64_t>, float, std::string> value;
};

/// A graph in the making. Values are known by their names.
class GraphBuilder : public ModelGraph {
public:
  using Attributes = std::vector<OnnxAttribute>;

  const char *title() const override { return "ONNX"; }

  /// Adds a node of one output and returns that. `domain` is "" for ONNX's own.
  std::string node(const std::string &opType, const Values &inputs,
                   const Attributes &attributes = {},
                   const std::string &domain = "");
  std::string cast(const std::string &value, OnnxType type);

  std::string elementwise(Elementwise kind, const std::string &x) override;
  std::string pairwise(Pairwise kind, const std::string &a,
                       const std::string &b) override;
  std::string matmul(const std::string &a, const std::string &b) override;
  std::string select(const std::string &condition, const std::string &chosen,
                     const std::string &other) override;
  std::string softmax(const std::string &x) override;
  std::string mean(const std::string &x) override;
  std::string layerNorm(const std::string &x, const std::string &weight,
                        const std::string &bias, float eps) override;
  /// Angles are computed in binary64: in binary32, those of far positions would
  /// lose their fraction.
  std::pair<std::string, std::string>
  turns(const std::string &positions,
        const std::vector<float> &frequencies) override;
  std::string cast(const std::string &value, ValueType type) override;
  std::string reshape(const std::string &value,
                      std::vector<int64_t> shape) override;
  std::string transpose(const std::string &value,
                        std::vector<int64_t> order) override;
  std::string unsqueeze(const std::string &value,
                        std::vector<int64_t> axes) override;
  std::string columns(const std::string &value, int64_t begin,
                      int64_t end) override;
  std::string concat(const Values &values, int64_t axis) override;
  std::string extent(const std::string &value, int64_t axis) override;
  std::string range(const std::string &begin, const std::string &end) override;
  std::string number(float value) override;
  std::string integer(int64_t value) override;
  void input(const std::string &name, ValueType type,
             const Extents &shape) override;
  void output(const std::string &name, const std::string &value, ValueType type,
              const Extents &shape) override;

  /// Constants; the same one is there once.
  std::string byte(uint8_t value);
  std::string integers(const std::vector<int64_t> &values);
  std::string floats(const std::vector<float> &values,
                     std::vector<int64_t> shape);
  std::string doubles(const std::vector<double> &values);

  /// A tensor whose bytes come later.
  void tensor(const std::string &name, OnnxType type,
              const std::vector<int64_t> &shape);
  /// Says that the graph needs this version of ONNX's operators at least.
  void needsOperators(int64_t version);
  /// The model; the builder is empty after that.
  std::string finish();

private:
  std::string constant(OnnxType type, const std::vector<int64_t> &shape,
                       std::string bytes);

  onnx::Model model;
  std::map<std::string, std::string> constants;
  int64_t operators = 21; ///< the first with blocks of 4-bit integers
  bool usesMicrosoft = false;
};

/// ONNX Runtime's own operators.
constexpr const char *kMicrosoftDomain = "com.microsoft";

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_ONNX_GRAPHBUILDER_H
