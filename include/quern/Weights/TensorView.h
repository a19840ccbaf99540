// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Matrices and vectors that are parts of a stored tensor.

#ifndef QUERN_WEIGHTS_TENSORVIEW_H
#define QUERN_WEIGHTS_TENSORVIEW_H

#include "quern/Weights/WeightSource.h"

namespace quern::weights {

/// Some rows of a tensor, or of its transpose: row i of the view is row
/// first + i / run * stride + i % run of that. A tensor of more than two
/// extents counts as a matrix with its columns, a vector as a matrix of one
/// column.
struct TensorView {
  std::string name;
  int64_t first = 0;
  int64_t run = 1;    ///< rows that follow one another, positive
  int64_t stride = 1; ///< from the first of a run to that of the next
  bool transposed = false;
};

/// Fails unless `source` holds the tensor and a view of `shape` lies within it.
Status checkView(const WeightSource &source, const TensorView &view,
                 const std::vector<int64_t> &shape);

/// Converts rows [rowBegin, rowEnd) of a view of an F32, F16 or BF16 tensor to
/// float, exactly; the elements of a vector are its rows. The view is one that
/// `checkView` accepts.
Status readViewAsFloat(const WeightSource &source, const TensorView &view,
                       int64_t rowBegin, int64_t rowEnd, Span<float> out);

/// Matrices of one shape, one below the other, whose names differ in a number
/// from 0 to `count` - 1 that stands where `pattern` has a star.
struct TensorStack {
  std::string pattern;
  int64_t count = 1;

  std::string name(int64_t index) const;
};

/// Fails unless `source` holds all tensors of the stack, equal parts of `shape`
/// in shape and all of one type.
Status checkStack(const WeightSource &source, const TensorStack &stack,
                  const std::vector<int64_t> &shape);

/// Converts rows [rowBegin, rowEnd) of a stack of F32, F16 or BF16 tensors to
/// float, exactly. The stack is one that `checkStack` accepts.
Status readStackAsFloat(const WeightSource &source, const TensorStack &stack,
                        int64_t rowBegin, int64_t rowEnd, Span<float> out);

} // namespace quern::weights

#endif // QUERN_WEIGHTS_TENSORVIEW_H
