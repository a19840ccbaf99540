// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Builds the graph of an OpenVINO model: layers, constants, inputs and
// outputs.

#include "IrGraph.h"

#include "llvm/Support/ErrorHandling.h"

#include <cstring>

using namespace quern;
using namespace quern::exporter;

/// Where constants begin, so that what maps the file can use them in place.
static constexpr uint64_t kAlignment = 64;

static IrType irTypeOf(ValueType type) {
  switch (type) {
  case ValueType::Float:
    return IrType::F32;
  case ValueType::Int64:
    return IrType::I64;
  case ValueType::Bool:
    return IrType::Bool;
  }
  llvm_unreachable("all types have a case");
}

static std::string listText(const std::vector<int64_t> &numbers) {
  std::string text;
  for (int64_t number : numbers)
    text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

std::string IrGraph::layer(const std::string &type, const std::string &opset,
                           const Values &inputs, Attributes attributes,
                           IrType element, Shape shape) {
  IrLayer made;
  made.name = uniqueName(scope + "/" + type);
  made.type = type;
  made.opset = opset;
  made.attributes = std::move(attributes);
  for (const std::string &input : inputs)
    made.inputs.push_back(places.at(input));
  made.element = element;
  made.shape = std::move(shape);
  places[made.name] = layers.size();
  layers.push_back(std::move(made));
  return layers.back().name;
}

std::string IrGraph::tensor(const std::string &name, IrType type,
                            const Shape &shape, uint64_t offset,
                            uint64_t bytes) {
  IrLayer made;
  made.name = uniqueName(name);
  made.type = "Const";
  made.opset = "opset1";
  made.attributes = {{"element_type", type.name}, {"shape", listText(shape)}};
  made.element = type;
  made.shape = shape;
  made.isConstant = true;
  made.offset = offset;
  made.bytes = bytes;
  places[made.name] = layers.size();
  layers.push_back(std::move(made));
  return layers.back().name;
}

std::string IrGraph::constant(IrType type, const Shape &shape,
                              std::string bytes) {
  std::string key = type.name + ":" + listText(shape) + ":" + bytes;
  std::string &name = constants[key];
  if (!name.empty())
    return name;
  bytesOfConstants.resize((bytesOfConstants.size() + kAlignment - 1) /
                          kAlignment * kAlignment);
  name = tensor("constant_" + std::to_string(constants.size() - 1), type, shape,
                bytesOfConstants.size(), bytes.size());
  layers.back().isSmall = true;
  bytesOfConstants += bytes;
  return name;
}

template <typename T> static std::string bytesOf(const T *data, size_t count) {
  std::string bytes(count * sizeof(T), '\0');
  std::memcpy(bytes.data(), data, bytes.size());
  return bytes;
}

std::string IrGraph::number(float value) {
  return constant(IrType::F32, {}, bytesOf(&value, 1));
}

std::string IrGraph::integer(int64_t value) {
  return constant(IrType::I64, {}, bytesOf(&value, 1));
}

std::string IrGraph::integers(const std::vector<int64_t> &values) {
  return constant(IrType::I64, {int64_t(values.size())},
                  bytesOf(values.data(), values.size()));
}

std::string IrGraph::floats(const std::vector<float> &values,
                            const Shape &shape) {
  return constant(IrType::F32, shape, bytesOf(values.data(), values.size()));
}

static std::vector<int64_t> shapeOf(const ModelGraph::Extents &extents) {
  std::vector<int64_t> shape;
  for (const auto &extent : extents) {
    const auto *number = std::get_if<int64_t>(&extent);
    shape.push_back(number ? *number : -1);
  }
  return shape;
}

void IrGraph::input(const std::string &name, ValueType type,
                    const Extents &extents) {
  IrLayer made;
  made.name = uniqueName(name);
  made.type = "Parameter";
  made.opset = "opset1";
  made.element = irTypeOf(type);
  made.shape = ::shapeOf(extents);
  std::string shape;
  for (int64_t extent : made.shape)
    shape += (shape.empty() ? "" : ",") +
             (extent < 0 ? std::string("?") : std::to_string(extent));
  made.attributes = {{"shape", shape}, {"element_type", made.element.name}};
  made.tensorNames = {name};
  places[made.name] = layers.size();
  layers.push_back(std::move(made));
}

/// Users ask for the tensor that goes into the result.
void IrGraph::output(const std::string &name, const std::string &value,
                     ValueType type, const Extents &extents) {
  size_t source = places.at(value);
  layers[source].tensorNames.push_back(name);
  IrLayer made;
  made.name = uniqueName(name + "/Result");
  made.type = "Result";
  made.opset = "opset1";
  made.inputs = {source};
  made.element = irTypeOf(type);
  made.shape = ::shapeOf(extents);
  made.isResult = true;
  layers.push_back(std::move(made));
}

std::string IrGraph::smallConstants() const {
  std::string bytes = bytesOfConstants;
  bytes.resize((bytes.size() + kAlignment - 1) / kAlignment * kAlignment);
  return bytes;
}

std::string IrGraph::finish() const {
  return writeIr(layers, smallConstants().size());
}
