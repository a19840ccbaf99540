// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The operators of models as layers of OpenVINO, and their shapes.

#include "IrGraph.h"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::exporter;
using Shape = IrGraph::Shape;

/// The base of the digits that positions are cut into, and how many there are.
static constexpr int64_t kTurnBase = 128;
static constexpr int kTurnDigits = 3;

namespace {
struct Operator {
  const char *type;
  const char *opset;
  IrGraph::Attributes attributes;
};
} // namespace

static Operator operatorOf(Elementwise kind) {
  switch (kind) {
  case Elementwise::Sqrt:
    return {"Sqrt", "opset1", {}};
  case Elementwise::Sigmoid:
    return {"Sigmoid", "opset1", {}};
  case Elementwise::Tanh:
    return {"Tanh", "opset1", {}};
  case Elementwise::Gelu:
    return {"Gelu", "opset7", {{"approximation_mode", "ERF"}}};
  case Elementwise::GeluTanh:
    return {"Gelu", "opset7", {{"approximation_mode", "TANH"}}};
  }
  llvm_unreachable("all operators have a case");
}

std::string IrGraph::elementwise(Elementwise kind, const std::string &x) {
  Operator made = operatorOf(kind);
  return layer(made.type, made.opset, {x}, made.attributes, at(x).element,
               shapeOf(x));
}

static const char *nameOf(Pairwise kind) {
  switch (kind) {
  case Pairwise::Add:
    return "Add";
  case Pairwise::Subtract:
    return "Subtract";
  case Pairwise::Multiply:
    return "Multiply";
  case Pairwise::Divide:
    return "Divide";
  case Pairwise::LessOrEqual:
    return "LessEqual";
  case Pairwise::Greater:
    return "Greater";
  case Pairwise::And:
    return "LogicalAnd";
  }
  llvm_unreachable("all operators have a case");
}

static int64_t broadcast(int64_t a, int64_t b) {
  if (a == 1 || a == b)
    return b;
  return b == 1 || b < 0 ? a : b;
}

/// Shapes are aligned at their last axes.
static Shape broadcast(const Shape &a, const Shape &b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (const Shape *shape : {&a, &b})
    for (size_t i = 0; i < shape->size(); ++i) {
      int64_t &extent = result[result.size() - 1 - i];
      extent = broadcast(extent, (*shape)[shape->size() - 1 - i]);
    }
  return result;
}

std::string IrGraph::pairwise(Pairwise kind, const std::string &a,
                              const std::string &b) {
  bool isCondition = kind == Pairwise::LessOrEqual || kind == Pairwise::Greater;
  Attributes attributes = {{"auto_broadcast", "numpy"}};
  if (kind == Pairwise::Divide)
    attributes.emplace_back("m_pythondiv", "true");
  return layer(nameOf(kind), "opset1", {a, b}, std::move(attributes),
               isCondition ? IrType::Bool : at(a).element,
               broadcast(shapeOf(a), shapeOf(b)));
}

std::string IrGraph::product(const std::string &a, const std::string &b,
                             bool isTransposed) {
  Shape left = shapeOf(a), right = shapeOf(b);
  int64_t rows = left[left.size() - 2];
  int64_t cols = right[right.size() - (isTransposed ? 2 : 1)];
  left.resize(left.size() - 2);
  right.resize(right.size() - 2);
  Shape shape = broadcast(left, right);
  shape.insert(shape.end(), {rows, cols});
  return layer("MatMul", "opset1", {a, b},
               {{"transpose_a", "false"},
                {"transpose_b", isTransposed ? "true" : "false"}},
               IrType::F32, std::move(shape));
}

std::string IrGraph::matmul(const std::string &a, const std::string &b) {
  return product(a, b, /*isTransposed=*/false);
}

std::string IrGraph::matmulTransposed(const std::string &a,
                                      const std::string &b) {
  return product(a, b, /*isTransposed=*/true);
}

std::string IrGraph::select(const std::string &condition,
                            const std::string &chosen,
                            const std::string &other) {
  Shape shape =
      broadcast(shapeOf(condition), broadcast(shapeOf(chosen), shapeOf(other)));
  return layer("Select", "opset1", {condition, chosen, other},
               {{"auto_broadcast", "numpy"}}, at(chosen).element,
               std::move(shape));
}

std::string IrGraph::softmax(const std::string &x) {
  return layer("SoftMax", "opset8", {x}, {{"axis", "-1"}}, IrType::F32,
               shapeOf(x));
}

std::string IrGraph::mean(const std::string &x) {
  Shape shape = shapeOf(x);
  shape.back() = 1;
  return layer("ReduceMean", "opset1", {x, integers({-1})},
               {{"keep_dims", "true"}}, IrType::F32, std::move(shape));
}

std::string IrGraph::layerNorm(const std::string &x, const std::string &weight,
                               const std::string &bias, float eps) {
  std::string result =
      layer("MVN", "opset6", {x, integers({-1})},
            {{"eps", llvm::formatv("{0:e9}", double(eps)).str()},
             {"normalize_variance", "true"},
             {"eps_mode", "inside_sqrt"}},
            IrType::F32, shapeOf(x));
  result = multiply(result, weight);
  return bias.empty() ? result : add(result, bias);
}

/// Turns of `step` times a digit: tables for all digits, of which rows are
/// looked up.
std::pair<std::string, std::string>
IrGraph::turnsOfDigit(const std::string &digit, int64_t step,
                      const std::vector<float> &frequencies) {
  std::vector<float> cosines, sines;
  for (int64_t value = 0; value < kTurnBase; ++value)
    for (float frequency : frequencies) {
      double angle = double(step * value) * double(frequency);
      cosines.push_back(float(std::cos(angle)));
      sines.push_back(float(std::sin(angle)));
    }
  Shape shape = {kTurnBase, 1, int64_t(frequencies.size())};
  return {gather(floats(cosines, shape), digit),
          gather(floats(sines, shape), digit)};
}

std::pair<std::string, std::string>
IrGraph::turns(const std::string &positions,
               const std::vector<float> &frequencies) {
  std::string rest = cast(positions, ValueType::Float), cosines, sines;
  int64_t step = 1;
  for (int digits = 0; digits < kTurnDigits; ++digits, step *= kTurnBase) {
    // Exact: the factor is a power of two.
    std::string higher = multiply(rest, number(1.0f / float(kTurnBase)));
    higher =
        layer("Floor", "opset1", {higher}, {}, IrType::F32, shapeOf(higher));
    std::string digit =
        subtract(rest, multiply(higher, number(float(kTurnBase))));
    auto [cosine, sine] =
        turnsOfDigit(cast(digit, ValueType::Int64), step, frequencies);
    if (digits == 0) {
      cosines = cosine;
      sines = sine;
    } else {
      std::string sum =
          subtract(multiply(cosines, cosine), multiply(sines, sine));
      sines = add(multiply(sines, cosine), multiply(cosines, sine));
      cosines = sum;
    }
    rest = higher;
  }
  return {cosines, sines};
}

std::string IrGraph::convert(const std::string &value, IrType type) {
  return layer("Convert", "opset1", {value}, {{"destination_type", type.name}},
               type, shapeOf(value));
}

std::string IrGraph::cast(const std::string &value, ValueType type) {
  return convert(value, type == ValueType::Float   ? IrType::F32
                        : type == ValueType::Int64 ? IrType::I64
                                                   : IrType::Bool);
}

/// What is behind -1 is known if all else is.
static Shape reshaped(const Shape &from, Shape shape) {
  int64_t had = 1, has = 1, *open = nullptr;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0)
      shape[i] = from[i];
    else if (shape[i] < 0)
      open = &shape[i];
    // Extents that are kept cancel out.
    if (&shape[i] != open && i < from.size() && shape[i] == from[i])
      continue;
    if (&shape[i] != open)
      has *= shape[i];
    if (i < from.size())
      had *= from[i];
  }
  for (size_t i = shape.size(); i < from.size(); ++i)
    had *= from[i];
  if (open && had > 0 && has > 0)
    *open = had / has;
  return shape;
}

std::string IrGraph::reshape(const std::string &value, Shape shape) {
  Shape result = reshaped(shapeOf(value), shape);
  return layer("Reshape", "opset1", {value, integers(shape)},
               {{"special_zero", "true"}}, at(value).element,
               std::move(result));
}

std::string IrGraph::transpose(const std::string &value, Shape order) {
  Shape shape;
  for (int64_t axis : order)
    shape.push_back(shapeOf(value)[axis]);
  return layer("Transpose", "opset1", {value, integers(order)}, {},
               at(value).element, std::move(shape));
}

std::string IrGraph::unsqueeze(const std::string &value, Shape axes) {
  Shape shape = shapeOf(value);
  for (int64_t axis : axes) {
    int64_t at = axis < 0 ? axis + int64_t(shape.size()) + 1 : axis;
    shape.insert(shape.begin() + at, 1);
  }
  return layer("Unsqueeze", "opset1", {value, integers(axes)}, {},
               at(value).element, std::move(shape));
}

std::string IrGraph::columns(const std::string &value, int64_t begin,
                             int64_t end) {
  Shape shape = shapeOf(value);
  shape.back() = end - begin;
  return layer("Slice", "opset8",
               {value, integers({begin}), integers({end}), integers({1}),
                integers({-1})},
               {}, at(value).element, std::move(shape));
}

std::string IrGraph::concat(const Values &values, int64_t axis) {
  Shape shape = shapeOf(values.front());
  int64_t place = axis < 0 ? axis + int64_t(shape.size()) : axis;
  shape[place] = 0;
  for (const std::string &value : values) {
    int64_t extent = shapeOf(value)[place];
    shape[place] = extent < 0 || shape[place] < 0 ? -1 : shape[place] + extent;
  }
  return layer("Concat", "opset1", values, {{"axis", std::to_string(axis)}},
               at(values.front()).element, std::move(shape));
}

std::string IrGraph::gather(const std::string &table,
                            const std::string &indices) {
  Shape shape = shapeOf(indices);
  const Shape &entries = shapeOf(table);
  shape.insert(shape.end(), entries.begin() + 1, entries.end());
  return layer("Gather", "opset8", {table, indices, integer(0)},
               {{"batch_dims", "0"}}, at(table).element, std::move(shape));
}

std::string IrGraph::extent(const std::string &value, int64_t axis) {
  std::string shape =
      layer("ShapeOf", "opset3", {value}, {{"output_type", "i64"}}, IrType::I64,
            {int64_t(shapeOf(value).size())});
  return gather(shape, integer(axis));
}

std::string IrGraph::range(const std::string &begin, const std::string &end) {
  return layer("Range", "opset4", {begin, end, integer(1)},
               {{"output_type", "i64"}}, IrType::I64, {-1});
}
