// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The operators of models as nodes of ONNX.

#include "GraphBuilder.h"

#include "llvm/Support/ErrorHandling.h"

using namespace quern;
using namespace quern::exporter;

std::string GraphBuilder::elementwise(Elementwise kind, const std::string &x) {
  switch (kind) {
  case Elementwise::Sqrt:
    return node("Sqrt", {x});
  case Elementwise::Sigmoid:
    return node("Sigmoid", {x});
  case Elementwise::Tanh:
    return node("Tanh", {x});
  case Elementwise::Gelu:
    return node("Gelu", {x});
  case Elementwise::GeluTanh:
    return node("Gelu", {x}, {{"approximate", "tanh"}});
  }
  llvm_unreachable("all operators have a case");
}

static const char *nameOf(Pairwise kind) {
  switch (kind) {
  case Pairwise::Add:
    return "Add";
  case Pairwise::Subtract:
    return "Sub";
  case Pairwise::Multiply:
    return "Mul";
  case Pairwise::Divide:
    return "Div";
  case Pairwise::LessOrEqual:
    return "LessOrEqual";
  case Pairwise::Greater:
    return "Greater";
  case Pairwise::And:
    return "And";
  }
  llvm_unreachable("all operators have a case");
}

std::string GraphBuilder::pairwise(Pairwise kind, const std::string &a,
                                   const std::string &b) {
  return node(nameOf(kind), {a, b});
}

std::string GraphBuilder::matmul(const std::string &a, const std::string &b) {
  return node("MatMul", {a, b});
}

std::string GraphBuilder::select(const std::string &condition,
                                 const std::string &chosen,
                                 const std::string &other) {
  return node("Where", {condition, chosen, other});
}

std::string GraphBuilder::softmax(const std::string &x) {
  return node("Softmax", {x}, {{"axis", int64_t(-1)}});
}

std::string GraphBuilder::mean(const std::string &x) {
  return node("ReduceMean", {x, integers({-1})});
}

std::string GraphBuilder::layerNorm(const std::string &x,
                                    const std::string &weight,
                                    const std::string &bias, float eps) {
  Values inputs = {x, weight};
  if (!bias.empty())
    inputs.push_back(bias);
  return node("LayerNormalization", inputs,
              {{"axis", int64_t(-1)}, {"epsilon", eps}});
}

std::pair<std::string, std::string>
GraphBuilder::turns(const std::string &positions,
                    const std::vector<float> &frequencies) {
  std::string exact = unsqueeze(cast(positions, OnnxType::Double), {2, 3});
  std::string angles = multiply(
      exact,
      doubles(std::vector<double>(frequencies.begin(), frequencies.end())));
  std::string cosines = cast(node("Cos", {angles}), OnnxType::Float);
  std::string sines = cast(node("Sin", {angles}), OnnxType::Float);
  return {cosines, sines};
}

std::string GraphBuilder::cast(const std::string &value, ValueType type) {
  return cast(value, onnxTypeOf(type));
}

std::string GraphBuilder::reshape(const std::string &value,
                                  std::vector<int64_t> shape) {
  return node("Reshape", {value, integers(shape)});
}

std::string GraphBuilder::transpose(const std::string &value,
                                    std::vector<int64_t> order) {
  return node("Transpose", {value}, {{"perm", std::move(order)}});
}

std::string GraphBuilder::unsqueeze(const std::string &value,
                                    std::vector<int64_t> axes) {
  return node("Unsqueeze", {value, integers(axes)});
}

std::string GraphBuilder::columns(const std::string &value, int64_t begin,
                                  int64_t end) {
  return node("Slice",
              {value, integers({begin}), integers({end}), integers({-1})});
}

std::string GraphBuilder::concat(const Values &values, int64_t axis) {
  return node("Concat", values, {{"axis", axis}});
}

std::string GraphBuilder::extent(const std::string &value, int64_t axis) {
  return node("Gather", {node("Shape", {value}), integer(axis)});
}

std::string GraphBuilder::range(const std::string &begin,
                                const std::string &end) {
  return node("Range", {begin, end, integer(1)});
}
