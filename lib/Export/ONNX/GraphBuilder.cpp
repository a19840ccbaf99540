// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Builds the graph of an ONNX model node by node.

#include "GraphBuilder.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cstring>
#include <iterator>

using namespace quern;
using namespace quern::exporter;

namespace {
/// Types of attributes, by the numbers of AttributeProto.AttributeType.
enum AttributeType { FloatType = 1, IntType = 2, StringType = 3, IntsType = 7 };

/// The version of the file format that goes with a version of the operators.
struct Release {
  int64_t operators;
  int64_t fileFormat;
};
} // namespace

static constexpr Release releases[] = {
    {21, 10}, {22, 10}, {23, 11}, {24, 12}, {25, 13},
};

const char *exporter::onnxTypeName(OnnxType type) {
  static const std::pair<OnnxType, const char *> names[] = {
      {OnnxType::Float, "FLOAT"},
      {OnnxType::UInt8, "UINT8"},
      {OnnxType::Int8, "INT8"},
      {OnnxType::UInt16, "UINT16"},
      {OnnxType::Int16, "INT16"},
      {OnnxType::Int64, "INT64"},
      {OnnxType::Bool, "BOOL"},
      {OnnxType::Float16, "FLOAT16"},
      {OnnxType::Double, "DOUBLE"},
      {OnnxType::BFloat16, "BFLOAT16"},
      {OnnxType::Float8E4M3FN, "FLOAT8E4M3FN"},
      {OnnxType::Float8E4M3FNUZ, "FLOAT8E4M3FNUZ"},
      {OnnxType::Float8E5M2, "FLOAT8E5M2"},
      {OnnxType::Float8E5M2FNUZ, "FLOAT8E5M2FNUZ"},
      {OnnxType::UInt4, "UINT4"},
      {OnnxType::Int4, "INT4"},
      {OnnxType::Float4E2M1, "FLOAT4E2M1"},
      {OnnxType::UInt2, "UINT2"},
      {OnnxType::Int2, "INT2"},
  };
  for (auto &[known, name] : names)
    if (known == type)
      return name;
  return "UNDEFINED";
}

OnnxType exporter::onnxTypeOf(ValueType type) {
  switch (type) {
  case ValueType::Float:
    return OnnxType::Float;
  case ValueType::Int64:
    return OnnxType::Int64;
  case ValueType::Bool:
    return OnnxType::Bool;
  }
  llvm_unreachable("all types have a case");
}

static void setAttribute(const OnnxAttribute &from, onnx::Attribute &to) {
  to.set_name(from.name);
  if (const auto *integer = std::get_if<int64_t>(&from.value)) {
    to.set_type(IntType);
    to.set_i(*integer);
  } else if (const auto *list =
                 std::get_if<std::vector<int64_t>>(&from.value)) {
    to.set_type(IntsType);
    for (int64_t value : *list)
      to.add_ints(value);
  } else if (const auto *real = std::get_if<float>(&from.value)) {
    to.set_type(FloatType);
    to.set_f(*real);
  } else {
    to.set_type(StringType);
    to.set_s(std::get<std::string>(from.value));
  }
}

std::string GraphBuilder::node(const std::string &opType, const Values &inputs,
                               const Attributes &attributes,
                               const std::string &domain) {
  onnx::Node &made = *model.mutable_graph()->add_node();
  std::string name = uniqueName(scope + "/" + opType);
  made.set_name(name);
  made.set_op_type(opType);
  if (!domain.empty()) {
    made.set_domain(domain);
    usesMicrosoft = true;
  }
  for (const std::string &input : inputs)
    made.add_input(input);
  for (const OnnxAttribute &attribute : attributes)
    setAttribute(attribute, *made.add_attribute());
  std::string output = name + "_output_0";
  made.add_output(output);
  return output;
}

std::string GraphBuilder::cast(const std::string &value, OnnxType type) {
  return node("Cast", {value}, {{"to", int64_t(type)}});
}

template <typename T> static std::string bytesOf(const T *data, size_t count) {
  std::string bytes(count * sizeof(T), '\0');
  std::memcpy(bytes.data(), data, bytes.size());
  return bytes;
}

std::string GraphBuilder::constant(OnnxType type,
                                   const std::vector<int64_t> &shape,
                                   std::string bytes) {
  std::string key = std::to_string(int32_t(type));
  for (int64_t extent : shape)
    key += "," + std::to_string(extent);
  key += ":" + bytes;
  std::string &name = constants[key];
  if (!name.empty())
    return name;
  name = "constant_" + std::to_string(constants.size() - 1);
  tensor(name, type, shape);
  model.mutable_graph()->mutable_initializer()->rbegin()->set_raw_data(
      std::move(bytes));
  return name;
}

std::string GraphBuilder::number(float value) {
  return constant(OnnxType::Float, {}, bytesOf(&value, 1));
}

std::string GraphBuilder::byte(uint8_t value) {
  return constant(OnnxType::UInt8, {}, bytesOf(&value, 1));
}

std::string GraphBuilder::integer(int64_t value) {
  return constant(OnnxType::Int64, {}, bytesOf(&value, 1));
}

std::string GraphBuilder::integers(const std::vector<int64_t> &values) {
  return constant(OnnxType::Int64, {int64_t(values.size())},
                  bytesOf(values.data(), values.size()));
}

std::string GraphBuilder::floats(const std::vector<float> &values,
                                 std::vector<int64_t> shape) {
  return constant(OnnxType::Float, shape,
                  bytesOf(values.data(), values.size()));
}

std::string GraphBuilder::doubles(const std::vector<double> &values) {
  return constant(OnnxType::Double, {int64_t(values.size())},
                  bytesOf(values.data(), values.size()));
}

void GraphBuilder::tensor(const std::string &name, OnnxType type,
                          const std::vector<int64_t> &shape) {
  onnx::Tensor &made = *model.mutable_graph()->add_initializer();
  made.set_name(name);
  made.set_data_type(int32_t(type));
  for (int64_t extent : shape)
    made.add_dims(extent);
}

static void setType(onnx::ValueInfo &value, const std::string &name,
                    ValueType type, const GraphBuilder::Extents &shape) {
  value.set_name(name);
  onnx::TensorType &made = *value.mutable_type()->mutable_tensor_type();
  made.set_elem_type(int32_t(onnxTypeOf(type)));
  made.mutable_shape();
  for (const auto &extent : shape) {
    onnx::Dimension &dimension = *made.mutable_shape()->add_dim();
    if (const auto *number = std::get_if<int64_t>(&extent))
      dimension.set_dim_value(*number);
    else
      dimension.set_dim_param(std::get<std::string>(extent));
  }
}

void GraphBuilder::input(const std::string &name, ValueType type,
                         const Extents &shape) {
  setType(*model.mutable_graph()->add_input(), name, type, shape);
}

void GraphBuilder::output(const std::string &name, const std::string &value,
                          ValueType type, const Extents &shape) {
  onnx::Node &made = *model.mutable_graph()->add_node();
  made.set_name(uniqueName("/" + name + "/Identity"));
  made.set_op_type("Identity");
  made.add_input(value);
  made.add_output(name);
  setType(*model.mutable_graph()->add_output(), name, type, shape);
}

void GraphBuilder::needsOperators(int64_t version) {
  operators = std::max(operators, version);
}

std::string GraphBuilder::finish() {
  auto release =
      std::find_if(std::begin(releases), std::end(releases),
                   [&](const Release &r) { return r.operators == operators; });
  model.set_ir_version(release->fileFormat);
  model.set_producer_name("quern");
  model.set_producer_version(QUERN_VERSION);
  model.mutable_graph()->set_name("forward");
  onnx::OperatorSet &own = *model.add_opset_import();
  own.set_domain("");
  own.set_version(operators);
  if (usesMicrosoft) {
    onnx::OperatorSet &other = *model.add_opset_import();
    other.set_domain(kMicrosoftDomain);
    other.set_version(1);
  }
  return model.SerializeAsString();
}
