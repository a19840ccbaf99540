// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Matrices and vectors that are parts of a stored tensor.

#include "quern/Weights/TensorView.h"

#include "quern/Support/Text.h"
#include <algorithm>

namespace quern::weights {

namespace {
/// A tensor as a matrix.
struct Extents {
  int64_t rows, columns;
};
} // namespace

static Extents extentsOf(const TensorInfo &tensor) {
  if (tensor.shape.size() == 1)
    return {tensor.columns(), 1};
  return {tensor.rows(), tensor.columns()};
}

static Status invalid(const TensorInfo &tensor, const std::string &expected,
                      const std::string &found) {
  return inTensor(tensor,
                  Status::error(StatusCode::InvalidFile,
                                "expects " + expected + ", but got " + found));
}

Status checkView(const WeightSource &source, const TensorView &view,
                 const std::vector<int64_t> &shape) {
  Result<const TensorInfo *> tensor = source.get(view.name);
  if (!tensor)
    return tensor.status();
  Extents extents = extentsOf(**tensor);
  if (view.transposed)
    std::swap(extents.rows, extents.columns);
  int64_t rows = shape.front(), columns = shape.size() == 1 ? 1 : shape.back();
  if (columns != extents.columns)
    return invalid(**tensor, "rows of " + std::to_string(columns) + " elements",
                   shapeText((*tensor)->shape));
  int64_t runs = (rows - 1) / view.run, rest = (rows - 1) % view.run;
  int64_t last = view.first + runs * view.stride +
                 (runs > 0 ? std::max(rest, view.run - 1 - view.stride) : rest);
  if (last >= extents.rows)
    return invalid(**tensor, "more than " + std::to_string(last) + " rows",
                   shapeText((*tensor)->shape));
  return Status::ok();
}

/// Calls `body(row, at, count)` for runs of rows: `count` rows of the view from
/// `row` on are those of the tensor from `at` on.
template <typename Body>
static Status forRuns(const TensorView &view, int64_t begin, int64_t end,
                      Body body) {
  for (int64_t row = begin; row < end;) {
    int64_t inRun = row % view.run;
    int64_t count = std::min(view.run - inRun, end - row);
    int64_t at = view.first + row / view.run * view.stride + inRun;
    if (Status status = body(row - begin, at, count); !status)
      return status;
    row += count;
  }
  return Status::ok();
}

/// Rows of the transpose: what lies side by side in the file belongs to `count`
/// of them.
static Status readTransposed(const WeightSource &source, const TensorView &view,
                             const Extents &extents, int64_t begin, int64_t end,
                             Span<float> out) {
  std::vector<float> piece(static_cast<size_t>(end - begin));
  return forRuns(view, begin, end, [&](int64_t row, int64_t at, int64_t count) {
    Span<float> values(piece.data(), size_t(count));
    for (int64_t k = 0; k < extents.rows; ++k) {
      if (Status status = readElementsAsFloat(source, view.name,
                                              k * extents.columns + at, values);
          !status)
        return status;
      for (int64_t i = 0; i < count; ++i)
        out[size_t((row + i) * extents.rows + k)] = values[size_t(i)];
    }
    return Status::ok();
  });
}

Status readViewAsFloat(const WeightSource &source, const TensorView &view,
                       int64_t rowBegin, int64_t rowEnd, Span<float> out) {
  Result<const TensorInfo *> tensor = source.get(view.name);
  if (!tensor)
    return tensor.status();
  Extents extents = extentsOf(**tensor);
  if (view.transposed)
    return readTransposed(source, view, extents, rowBegin, rowEnd, out);
  int64_t columns = extents.columns;
  return forRuns(
      view, rowBegin, rowEnd, [&](int64_t row, int64_t at, int64_t count) {
        return readElementsAsFloat(
            source, view.name, at * columns,
            out.subspan(size_t(row * columns), size_t(count * columns)));
      });
}

std::string TensorStack::name(int64_t index) const {
  size_t star = pattern.find('*');
  if (star == std::string::npos)
    return pattern;
  return pattern.substr(0, star) + std::to_string(index) +
         pattern.substr(star + 1);
}

Status checkStack(const WeightSource &source, const TensorStack &stack,
                  const std::vector<int64_t> &shape) {
  std::vector<int64_t> part = shape;
  part.front() /= stack.count;
  DType dtype = DType::F32;
  for (int64_t i = 0; i < stack.count; ++i) {
    Result<const TensorInfo *> tensor = source.get(stack.name(i));
    if (!tensor)
      return tensor.status();
    if ((*tensor)->shape != part)
      return invalid(**tensor, "shape " + shapeText(part),
                     shapeText((*tensor)->shape));
    if (i == 0)
      dtype = (*tensor)->dtype;
    if ((*tensor)->dtype != dtype)
      return invalid(**tensor,
                     std::string("the element type of the first, ") +
                         dtypeName(dtype),
                     dtypeName((*tensor)->dtype));
  }
  return Status::ok();
}

Status readStackAsFloat(const WeightSource &source, const TensorStack &stack,
                        int64_t rowBegin, int64_t rowEnd, Span<float> out) {
  Result<const TensorInfo *> first = source.get(stack.name(0));
  if (!first)
    return first.status();
  int64_t rows = (*first)->rows(), columns = (*first)->columns();
  for (int64_t row = rowBegin; row < rowEnd;) {
    int64_t inTensor = row % rows;
    int64_t count = std::min(rows - inTensor, rowEnd - row);
    Span<float> part = out.subspan(size_t((row - rowBegin) * columns),
                                   size_t(count * columns));
    if (Status status = readRowsAsFloat(source, stack.name(row / rows),
                                        inTensor, inTensor + count, part);
        !status)
      return status;
    row += count;
  }
  return Status::ok();
}

} // namespace quern::weights
