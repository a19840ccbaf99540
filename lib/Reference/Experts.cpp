// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Experts: routing, the rows of each, and what they say together.

#include "Mismatch.h"
#include "quern/Reference/Math.h"
#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::reference;

/// The `top` largest, ascending by number; of equal ones the first.
static std::vector<int64_t> chooseLargest(Span<const float> logits,
                                          int64_t top) {
  std::vector<int64_t> numbers(logits.size());
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = int64_t(i);
  std::stable_sort(numbers.begin(), numbers.end(), [&](int64_t a, int64_t b) {
    return logits[size_t(a)] > logits[size_t(b)];
  });
  numbers.resize(size_t(top));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<Tensor> reference::route(const Tensor &logits, int64_t top,
                                bool isNormalized) {
  if (!logits.isReal() || top < 1 || top > logits.cols())
    return mismatch("logits of at least " + std::to_string(top) + " experts",
                    "shape " + logits.shapeText());
  std::vector<float> result;
  for (int64_t t = 0; t < logits.rows(); ++t) {
    Span<const float> row = logits.row(t);
    double largest = *std::max_element(row.begin(), row.end());
    std::vector<int64_t> chosen = chooseLargest(row, top);
    auto power = [&](float logit) { return std::exp(logit - largest); };
    double sum = 0;
    if (isNormalized)
      for (int64_t expert : chosen)
        sum += power(row[size_t(expert)]);
    else
      for (float logit : row)
        sum += power(logit);
    for (int64_t expert : chosen)
      result.push_back(float(expert));
    for (int64_t expert : chosen)
      result.push_back(float(power(row[size_t(expert)]) / sum));
  }
  return Tensor::ofReals({logits.rows(), 2 * top}, std::move(result));
}

namespace {
/// Where the rows of each expert are.
struct Dispatch {
  std::vector<int64_t> starts; ///< the first row of each expert, then the end
  /// Of choice j of token t, [t * top + j]: its row and its share.
  std::vector<int64_t> rows;
  std::vector<float> shares;
};
} // namespace

static Result<Dispatch> dispatchOf(const Tensor &routing, int64_t experts) {
  int64_t top = routing.cols() / 2;
  Dispatch result;
  std::vector<int64_t> chosen;
  for (int64_t t = 0; t < routing.rows(); ++t)
    for (int64_t j = 0; j < top; ++j) {
      int64_t expert = int64_t(routing.row(t)[size_t(j)]);
      if (expert < 0 || expert >= experts)
        return mismatch("experts below " + std::to_string(experts),
                        std::to_string(expert));
      chosen.push_back(expert);
      result.shares.push_back(routing.row(t)[size_t(top + j)]);
    }
  for (int64_t expert = 0; expert <= experts; ++expert)
    result.starts.push_back(
        std::count_if(chosen.begin(), chosen.end(),
                      [&](int64_t other) { return other < expert; }));
  std::vector<int64_t> next = result.starts;
  for (int64_t expert : chosen)
    result.rows.push_back(next[size_t(expert)]++);
  return result;
}

Result<Tensor> reference::dispatch(const Tensor &x, const Tensor &routing,
                                   int64_t experts) {
  Result<Dispatch> order = dispatchOf(routing, experts);
  if (!order)
    return order.status();
  if (!x.isReal() || x.rows() != routing.rows())
    return mismatch(std::to_string(routing.rows()) + " rows",
                    "shape " + x.shapeText());
  int64_t top = routing.cols() / 2, cols = x.cols();
  std::vector<float> result(size_t(x.size() * top));
  for (size_t i = 0; i < order->rows.size(); ++i) {
    Span<const float> row = x.row(int64_t(i) / top);
    std::copy(row.begin(), row.end(), result.begin() + order->rows[i] * cols);
  }
  return Tensor::ofReals({x.rows() * top, cols}, std::move(result));
}

Result<Tensor> reference::combine(const Tensor &x, const Tensor &routing,
                                  int64_t experts) {
  Result<Dispatch> order = dispatchOf(routing, experts);
  if (!order)
    return order.status();
  int64_t top = routing.cols() / 2, cols = x.cols();
  if (!x.isReal() || x.rows() != routing.rows() * top)
    return mismatch(std::to_string(routing.rows() * top) + " rows",
                    "shape " + x.shapeText());
  std::vector<float> result;
  for (int64_t t = 0; t < routing.rows(); ++t)
    for (int64_t k = 0; k < cols; ++k) {
      double sum = 0;
      for (int64_t j = 0; j < top; ++j) {
        size_t choice = size_t(t * top + j);
        sum += double(x.row(order->rows[choice])[size_t(k)]) *
               order->shares[choice];
      }
      result.push_back(float(sum));
    }
  return Tensor::ofReals({routing.rows(), cols}, std::move(result));
}

/// Rows [begin, end) of a matrix, or elements of a vector.
static Tensor slice(const Tensor &x, int64_t begin, int64_t end) {
  int64_t width = x.shape().size() == 1 ? 1 : x.cols();
  Span<const float> part =
      x.values().subspan(size_t(begin * width), size_t((end - begin) * width));
  std::vector<int64_t> shape = x.shape();
  shape[0] = end - begin;
  return Tensor::ofReals(std::move(shape), {part.begin(), part.end()});
}

Result<Tensor> reference::routedLinear(const Tensor &x, const Tensor &w,
                                       const Tensor *bias,
                                       const Tensor &routing, int64_t columns,
                                       const numerics::FloatType *rounding) {
  int64_t experts = w.rows() / columns;
  Result<Dispatch> order = dispatchOf(routing, experts);
  if (!order)
    return order.status();
  if (x.rows() != order->starts.back())
    return mismatch(std::to_string(order->starts.back()) + " rows",
                    "shape " + x.shapeText());
  std::vector<float> result;
  for (int64_t expert = 0; expert < experts; ++expert) {
    int64_t begin = expert * columns, end = begin + columns;
    Tensor shift = bias ? slice(*bias, begin, end) : Tensor();
    Result<Tensor> part =
        linear(slice(x, order->starts[size_t(expert)],
                     order->starts[size_t(expert + 1)]),
               slice(w, begin, end), bias ? &shift : nullptr, rounding);
    if (!part)
      return part;
    result.insert(result.end(), part->values().begin(), part->values().end());
  }
  return Tensor::ofReals({x.rows(), columns}, std::move(result));
}
