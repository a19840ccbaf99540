// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Builds the graph of an OpenVINO model, version 11 of its IR, layer by
// layer.

#ifndef QUERN_LIB_EXPORT_OPENVINO_IRGRAPH_H
#define QUERN_LIB_EXPORT_OPENVINO_IRGRAPH_H

#include "../Graph/ModelGraph.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace quern::exporter {

/// A type of elements, by what attributes of layers call it, such as "f32".
struct IrType {
  std::string name;

  bool operator==(const IrType &other) const { return name == other.name; }

  static const IrType F32, F16, BF16, F8E4M3, F8E5M2, I4, U4, I8, U8, I64, Bool;
};

inline const IrType IrType::F32{"f32"};
inline const IrType IrType::F16{"f16"};
inline const IrType IrType::BF16{"bf16"};
inline const IrType IrType::F8E4M3{"f8e4m3"};
inline const IrType IrType::F8E5M2{"f8e5m2"};
inline const IrType IrType::I4{"i4"};
inline const IrType IrType::U4{"u4"};
inline const IrType IrType::I8{"i8"};
inline const IrType IrType::U8{"u8"};
inline const IrType IrType::I64{"i64"};
inline const IrType IrType::Bool{"boolean"};

/// A layer of one output, or of none if it is a result of the graph.
struct IrLayer {
  std::string name, type, opset;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<size_t> inputs; ///< layers
  IrType element = IrType::F32;
  std::vector<int64_t> shape;           ///< -1 for any extent
  std::vector<std::string> tensorNames; ///< by which users ask for its output
  bool isResult = false;
  /// Of constants: bytes in the data file, and where they begin behind the
  /// small constants, or among them.
  uint64_t bytes = 0, offset = 0;
  bool isConstant = false, isSmall = false;
};

/// A graph in the making.
class IrGraph : public ModelGraph {
public:
  using Attributes = std::vector<std::pair<std::string, std::string>>;
  using Shape = std::vector<int64_t>;

  const char *title() const override { return "OpenVINO"; }

  std::string elementwise(Elementwise kind, const std::string &x) override;
  std::string pairwise(Pairwise kind, const std::string &a,
                       const std::string &b) override;
  std::string matmul(const std::string &a, const std::string &b) override;
  /// `a` times the transpose of `b`.
  std::string matmulTransposed(const std::string &a, const std::string &b);
  std::string select(const std::string &condition, const std::string &chosen,
                     const std::string &other) override;
  std::string softmax(const std::string &x) override;
  std::string mean(const std::string &x) override;
  std::string layerNorm(const std::string &x, const std::string &weight,
                        const std::string &bias, float eps) override;
  /// Positions are cut into three digits to the base 128, whose turns are
  /// tables; plugins compute in f32 at most, in which angles of far positions
  /// lose their fraction. Positions are less than 2^21.
  std::pair<std::string, std::string>
  turns(const std::string &positions,
        const std::vector<float> &frequencies) override;
  std::string cast(const std::string &value, ValueType type) override;
  std::string convert(const std::string &value, IrType type);
  std::string reshape(const std::string &value, Shape shape) override;
  std::string transpose(const std::string &value, Shape order) override;
  std::string unsqueeze(const std::string &value, Shape axes) override;
  std::string columns(const std::string &value, int64_t begin,
                      int64_t end) override;
  std::string concat(const Values &values, int64_t axis) override;
  std::string extent(const std::string &value, int64_t axis) override;
  std::string range(const std::string &begin, const std::string &end) override;
  /// What lies at `indices` along the first axis.
  std::string gather(const std::string &table, const std::string &indices);
  std::string number(float value) override;
  std::string integer(int64_t value) override;
  void input(const std::string &name, ValueType type,
             const Extents &shape) override;
  void output(const std::string &name, const std::string &value, ValueType type,
              const Extents &shape) override;

  /// A constant whose bytes come later, at `offset` behind the small ones; its
  /// name, which begins with `name`.
  std::string tensor(const std::string &name, IrType type, const Shape &shape,
                     uint64_t offset, uint64_t bytes);

  /// The text of the model, and the bytes that the data file begins with.
  std::string finish() const;
  std::string smallConstants() const;

private:
  std::string layer(const std::string &type, const std::string &opset,
                    const Values &inputs, Attributes attributes, IrType element,
                    Shape shape);
  std::string product(const std::string &a, const std::string &b,
                      bool isTransposed);
  std::string constant(IrType type, const Shape &shape, std::string bytes);
  std::string integers(const std::vector<int64_t> &values);
  std::string floats(const std::vector<float> &values, const Shape &shape);
  std::pair<std::string, std::string>
  turnsOfDigit(const std::string &digit, int64_t step,
               const std::vector<float> &frequencies);
  const IrLayer &at(const std::string &value) const {
    return layers[places.at(value)];
  }
  const Shape &shapeOf(const std::string &value) const {
    return at(value).shape;
  }

  std::vector<IrLayer> layers;
  std::map<std::string, size_t> places; ///< of layers by name
  std::map<std::string, std::string> constants;
  std::string bytesOfConstants;
};

/// The IR of `layers` as XML; those of large constants have their offsets
/// behind `smallBytes`.
std::string writeIr(const std::vector<IrLayer> &layers, uint64_t smallBytes);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_OPENVINO_IRGRAPH_H
