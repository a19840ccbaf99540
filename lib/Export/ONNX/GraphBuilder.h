// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Builds the graph of an ONNX model node by node.

#ifndef QUERN_LIB_EXPORT_ONNX_GRAPHBUILDER_H
#define QUERN_LIB_EXPORT_ONNX_GRAPHBUILDER_H

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

/// An attribute of a node: an integer, integers, a float or a string.
struct OnnxAttribute {
  std::string name;
  std::variant<int64_t, std::vector<int64_t>, float, std::string> value;
};

/// A graph in the making. Values are known by their names.
class GraphBuilder {
public:
  using Values = std::vector<std::string>;
  using Attributes = std::vector<OnnxAttribute>;

  /// Nodes from here on are named after `path`, such as /model/norm.
  void enter(const std::string &path) { scope = path; }

  /// Adds a node of one output and returns that. `domain` is "" for ONNX's own.
  std::string node(const std::string &opType, const Values &inputs,
                   const Attributes &attributes = {},
                   const std::string &domain = "");
  std::string cast(const std::string &value, OnnxType type);
  /// 0 keeps an extent, -1 stands for the rest.
  std::string reshape(const std::string &value, std::vector<int64_t> shape);
  std::string transpose(const std::string &value, std::vector<int64_t> order);
  /// Adds extents of one at `axes`.
  std::string unsqueeze(const std::string &value, std::vector<int64_t> axes);
  /// [begin, end) of the last axis.
  std::string columns(const std::string &value, int64_t begin, int64_t end);
  /// Side by side along `axis`.
  std::string concat(const Values &values, int64_t axis);

  /// Constants; the same one is there once.
  std::string number(float value);
  std::string byte(uint8_t value);
  std::string integer(int64_t value);
  std::string integers(const std::vector<int64_t> &values);
  std::string floats(const std::vector<float> &values,
                     std::vector<int64_t> shape);
  std::string doubles(const std::vector<double> &values);

  /// A tensor whose bytes come later.
  void tensor(const std::string &name, OnnxType type,
              const std::vector<int64_t> &shape);
  /// An extent is a number, or a name if it may be any.
  using Extents = std::vector<std::variant<int64_t, std::string>>;
  void input(const std::string &name, OnnxType type, const Extents &shape);
  /// Gives `value` the name under which the graph returns it.
  void output(const std::string &name, const std::string &value, OnnxType type,
              const Extents &shape);

  /// Says that the graph needs this version of ONNX's operators at least.
  void needsOperators(int64_t version);
  /// The model; the builder is empty after that.
  std::string finish();

private:
  std::string constant(OnnxType type, const std::vector<int64_t> &shape,
                       std::string bytes);
  std::string uniqueName(const std::string &name);

  onnx::Model model;
  std::string scope;
  std::map<std::string, int64_t> uses; ///< of names of nodes
  std::map<std::string, std::string> constants;
  int64_t operators = 21; ///< the first with blocks of 4-bit integers
  bool usesMicrosoft = false;
};

/// ONNX Runtime's own operators.
constexpr const char *kMicrosoftDomain = "com.microsoft";

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_ONNX_GRAPHBUILDER_H
