// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What each operation computes, on plain tensors.

#include "quern/Reference/Math.h"
#include "Mismatch.h"
#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::reference;

/// Fails unless `x` holds real numbers and its rows have `cols` elements.
static Status checkCols(const char *name, const Tensor &x, int64_t cols) {
  if (x.isReal() && x.cols() == cols)
    return Status::ok();
  return mismatch(std::string(name) + " with rows of " + std::to_string(cols) +
                      " real numbers",
                  "shape " + x.shapeText());
}

static Status checkSameShape(const Tensor &a, const Tensor &b) {
  if (a.isReal() && b.isReal() && a.shape() == b.shape())
    return Status::ok();
  return mismatch("operands of one shape",
                  a.shapeText() + " and " + b.shapeText());
}

Result<Tensor> reference::embedding(const Tensor &tokens, const Tensor &table) {
  std::vector<float> result;
  result.reserve(size_t(tokens.size() * table.cols()));
  for (int32_t token : tokens.integers()) {
    if (token < 0 || token >= table.rows())
      return mismatch("tokens below " + std::to_string(table.rows()),
                      std::to_string(token));
    Span<const float> row = table.row(token);
    result.insert(result.end(), row.begin(), row.end());
  }
  return Tensor::ofReals({tokens.size(), table.cols()}, std::move(result));
}

//===----------------------------------------------------------------------===//
// linear
//===----------------------------------------------------------------------===//

/// Rows of x that are multiplied at once. The sum of one row is a chain of
/// dependent additions; this many of them side by side are vector code, and
/// each is still added up in the order of k.
static constexpr int64_t kLanes = 16;

/// sums[lane] = sum over k of columns[k][lane] * w[k]. The product of two
/// binary32 is exact in binary64.
static void dotLanes(const double *columns, const float *w, int64_t depth,
                     double *sums) {
  double acc[kLanes] = {};
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t lane = 0; lane < kLanes; ++lane)
      acc[lane] += columns[k * kLanes + lane] * double(w[k]);
  std::copy_n(acc, kLanes, sums);
}

static std::vector<float> rounded(Span<const float> values,
                                  const numerics::FloatType *type) {
  std::vector<float> result(values.begin(), values.end());
  if (type)
    for (float &value : result)
      value = roundTo(*type, value);
  return result;
}

Result<Tensor> reference::linear(const Tensor &x, const Tensor &w,
                                 const Tensor *bias,
                                 const numerics::FloatType *rounding) {
  int64_t rows = x.rows(), depth = w.cols(), outputs = w.rows();
  if (Status status = checkCols("an input", x, depth); !status)
    return status;
  if (bias)
    if (Status status = checkCols("a bias", *bias, outputs); !status)
      return status;

  std::vector<float> inputs = rounded(x.values(), rounding);
  std::vector<float> roundedWeights;
  const float *weights = w.values().data();
  if (rounding) {
    roundedWeights = rounded(w.values(), rounding);
    weights = roundedWeights.data();
  }

  std::vector<float> result(size_t(rows * outputs));
  std::vector<double> columns(size_t(depth * kLanes));
  for (int64_t begin = 0; begin < rows; begin += kLanes) {
    int64_t lanes = std::min(kLanes, rows - begin);
    for (int64_t lane = 0; lane < lanes; ++lane)
      for (int64_t k = 0; k < depth; ++k)
        columns[size_t(k * kLanes + lane)] =
            inputs[size_t((begin + lane) * depth + k)];
    for (int64_t n = 0; n < outputs; ++n) {
      double sums[kLanes];
      dotLanes(columns.data(), weights + n * depth, depth, sums);
      double constant = bias ? bias->values()[size_t(n)] : 0;
      for (int64_t lane = 0; lane < lanes; ++lane)
        result[size_t((begin + lane) * outputs + n)] =
            float(sums[lane] + constant);
    }
  }
  return Tensor::ofReals({rows, outputs}, std::move(result));
}

//===----------------------------------------------------------------------===//
// The others
//===----------------------------------------------------------------------===//

Result<Tensor> reference::rmsNorm(const Tensor &x, const Tensor &weight,
                                  double eps, int64_t group, double offset) {
  if (Status status = checkCols("a weight", weight, group); !status)
    return status;
  if (!x.isReal() || group <= 0 || x.cols() % group != 0)
    return mismatch("rows that groups of " + std::to_string(group) + " divide",
                    "shape " + x.shapeText());

  std::vector<float> result(x.values().begin(), x.values().end());
  for (size_t begin = 0; begin < result.size(); begin += size_t(group)) {
    double squares = 0;
    for (int64_t i = 0; i < group; ++i)
      squares += double(result[begin + i]) * result[begin + i];
    double scale = 1 / std::sqrt(squares / double(group) + eps);
    for (int64_t i = 0; i < group; ++i)
      result[begin + i] = float(result[begin + i] * scale *
                                (offset + double(weight.values()[size_t(i)])));
  }
  return Tensor::ofReals(x.shape(), std::move(result));
}

Result<Tensor> reference::layerNorm(const Tensor &x, const Tensor &weight,
                                    const Tensor *bias, double eps) {
  int64_t cols = x.cols();
  if (Status status = checkCols("a weight", weight, cols); !status)
    return status;
  if (bias)
    if (Status status = checkCols("a bias", *bias, cols); !status)
      return status;
  std::vector<float> result;
  result.reserve(x.values().size());
  for (int64_t t = 0; t < x.rows(); ++t) {
    Span<const float> row = x.row(t);
    double sum = 0, squares = 0;
    for (float value : row)
      sum += value;
    double mean = sum / double(cols);
    for (float value : row)
      squares += (value - mean) * (value - mean);
    double scale = 1 / std::sqrt(squares / double(cols) + eps);
    for (int64_t i = 0; i < cols; ++i) {
      double shift = bias ? bias->values()[size_t(i)] : 0;
      double normal = (row[size_t(i)] - mean) * scale;
      result.push_back(float(normal * weight.values()[size_t(i)] + shift));
    }
  }
  return Tensor::ofReals(x.shape(), std::move(result));
}

Result<Tensor> reference::addPositions(const Tensor &x, const Tensor &table,
                                       int64_t first) {
  if (Status status = checkCols("a table", table, x.cols()); !status)
    return status;
  if (first < 0 || first + x.rows() > table.rows())
    return mismatch("positions below " + std::to_string(table.rows()) +
                        ", the rows of the table",
                    std::to_string(first + x.rows() - 1));
  std::vector<float> result(x.values().begin(), x.values().end());
  for (size_t i = 0; i < result.size(); ++i)
    result[i] += table.values()[size_t(first * x.cols()) + i];
  return Tensor::ofReals(x.shape(), std::move(result));
}

Tensor reference::ropeTable(int64_t first, int64_t rows,
                            Span<const float> inverseFrequencies,
                            double magnitude) {
  int64_t half = int64_t(inverseFrequencies.size());
  std::vector<float> table(size_t(rows * 2 * half));
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t i = 0; i < half; ++i) {
      float angle = float(first + t) * inverseFrequencies[size_t(i)];
      float *row = table.data() + t * 2 * half;
      row[i] = float(std::cos(double(angle)) * magnitude);
      row[half + i] = float(std::sin(double(angle)) * magnitude);
    }
  return Tensor::ofReals({rows, 2 * half}, std::move(table));
}

Result<Tensor> reference::rope(const Tensor &x, int64_t headDim,
                               const Tensor &table, int64_t first) {
  if (!table.isReal() || table.cols() % 2 != 0 || table.cols() > headDim)
    return mismatch("a table with an even number of columns, at most " +
                        std::to_string(headDim),
                    "shape " + table.shapeText());
  if (headDim <= 0 || headDim % 2 != 0 || x.cols() % headDim != 0)
    return mismatch("an even head width that divides the rows of " +
                        x.shapeText(),
                    std::to_string(headDim));
  if (first < 0 || first + x.rows() > table.rows())
    return mismatch("positions below " + std::to_string(table.rows()) +
                        ", the rows of the table",
                    std::to_string(first + x.rows() - 1));

  int64_t half = table.cols() / 2;
  std::vector<float> result(x.values().begin(), x.values().end());
  for (int64_t t = 0; t < x.rows(); ++t) {
    const float *cosines = table.row(first + t).data();
    const float *sines = cosines + half;
    float *row = result.data() + t * x.cols();
    for (float *head = row; head != row + x.cols(); head += headDim)
      for (int64_t i = 0; i < half; ++i) {
        double a = head[i], b = head[i + half];
        head[i] = float(a * cosines[i] - b * sines[i]);
        head[i + half] = float(b * cosines[i] + a * sines[i]);
      }
  }
  return Tensor::ofReals(x.shape(), std::move(result));
}

Result<Tensor> reference::hadamard(const Tensor &x, int64_t group) {
  if (!x.isReal() || group <= 0 || x.cols() % group != 0)
    return mismatch("rows that groups of " + std::to_string(group) + " divide",
                    "shape " + x.shapeText());
  std::vector<float> result;
  result.reserve(x.values().size());
  double scale = 1 / std::sqrt(double(group));
  for (int64_t begin = 0; begin < x.size(); begin += group)
    for (int64_t i = 0; i < group; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < group; ++j) {
        double value = x.values()[size_t(begin + j)];
        sum += __builtin_parityll(uint64_t(i & j)) ? -value : value;
      }
      result.push_back(float(sum * scale));
    }
  return Tensor::ofReals(x.shape(), std::move(result));
}

Result<Tensor> reference::gatherColumns(const Tensor &x,
                                        const Tensor &columns) {
  std::vector<float> result;
  result.reserve(size_t(x.rows() * columns.cols()));
  for (int64_t t = 0; t < x.rows(); ++t)
    for (float column : columns.row(0)) {
      if (column < 0 || column != std::floor(column))
        return mismatch("numbers of columns", std::to_string(column));
      bool isThere = column < float(x.cols());
      result.push_back(isThere ? x.row(t)[size_t(column)] : 0);
    }
  return Tensor::ofReals({x.rows(), columns.cols()}, std::move(result));
}

Result<Tensor> reference::scaleColumns(const Tensor &x, const Tensor &scales) {
  if (Status status = checkCols("scales", scales, x.cols()); !status)
    return status;
  std::vector<float> result(x.values().begin(), x.values().end());
  for (size_t i = 0; i < result.size(); ++i)
    result[i] *= scales.row(0)[i % size_t(x.cols())];
  return Tensor::ofReals(x.shape(), std::move(result));
}

Result<Tensor> reference::add(const Tensor &a, const Tensor &b) {
  if (Status status = checkSameShape(a, b); !status)
    return status;
  std::vector<float> result(a.values().begin(), a.values().end());
  for (size_t i = 0; i < result.size(); ++i)
    result[i] += b.values()[i];
  return Tensor::ofReals(a.shape(), std::move(result));
}

Result<Tensor> reference::scale(const Tensor &x, float factor) {
  if (!x.isReal())
    return mismatch("real numbers", "shape " + x.shapeText());
  std::vector<float> result(x.values().begin(), x.values().end());
  for (float &value : result)
    value *= factor;
  return Tensor::ofReals(x.shape(), std::move(result));
}

double reference::softcap(double x, double cap) {
  return cap * std::tanh(x / cap);
}

Result<Tensor> reference::softcap(const Tensor &x, double cap) {
  if (!x.isReal())
    return mismatch("real numbers", "shape " + x.shapeText());
  std::vector<float> result(x.values().begin(), x.values().end());
  for (float &value : result)
    value = float(softcap(double(value), cap));
  return Tensor::ofReals(x.shape(), std::move(result));
}

static double silu(double x) { return x / (1 + std::exp(-x)); }

static double gelu(double x) { return x * std::erfc(-x * M_SQRT1_2) / 2; }

/// 1 + tanh(u) = 2 / (1 + exp(-2 u)), which keeps its digits where tanh(u) is
/// nearly -1.
static double geluTanh(double x) {
  double u = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
  return x / (1 + std::exp(-2 * u));
}

reference::Activation reference::lookupActivation(const std::string &name) {
  return name == "gelu" ? gelu : name == "gelu_tanh" ? geluTanh : silu;
}

Result<Tensor> reference::activate(Activation activation, const Tensor &x) {
  if (!x.isReal())
    return mismatch("real numbers", "shape " + x.shapeText());
  std::vector<float> result(x.values().begin(), x.values().end());
  for (float &value : result)
    value = float(activation(value));
  return Tensor::ofReals(x.shape(), std::move(result));
}

Result<Tensor> reference::gatedActivation(Activation activation,
                                          const Tensor &gate,
                                          const Tensor &up) {
  if (Status status = checkSameShape(gate, up); !status)
    return status;
  std::vector<float> result(gate.values().begin(), gate.values().end());
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = float(activation(result[i]) * up.values()[i]);
  return Tensor::ofReals(gate.shape(), std::move(result));
}

Result<Tensor> reference::lastRows(const Tensor &x, int64_t count) {
  if (count < 0 || count > x.rows())
    return mismatch("at most " + std::to_string(x.rows()) + " rows",
                    std::to_string(count));
  Span<const float> tail = x.values().subspan(
      size_t((x.rows() - count) * x.cols()), size_t(count * x.cols()));
  return Tensor::ofReals({count, x.cols()},
                         std::vector<float>(tail.begin(), tail.end()));
}
