// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Matrices and how the levels of a format cut them.

#ifndef QUERN_LIB_NUMERICS_BLOCKS_H
#define QUERN_LIB_NUMERICS_BLOCKS_H

#include "quern/Numerics/Layout.h"

namespace quern::numerics {

/// A row-major matrix of numbers that somebody else owns.
struct MatrixView {
  const float *values = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  /// Rows and columns before those of zeros that fill up the last blocks; 0:
  /// all.
  BlockShape used = {0, 0};

  int64_t size() const { return rows * cols; }
  int64_t usedRows() const { return used.rows ? used.rows : rows; }
  int64_t usedCols() const { return used.cols ? used.cols : cols; }
};

/// A weight for each element of a matrix; null: all one.
struct WeightView {
  const float *values = nullptr;
  int64_t rowStride = 0; ///< 0: the same for all rows
};

/// How a matrix is cut into the blocks of one level.
struct Blocks {
  int64_t rows, cols; ///< of one block, in elements
  int64_t down, across;

  Blocks(BlockShape shape, int64_t matrixRows, int64_t matrixCols)
      : rows(shape.rows ? shape.rows : matrixRows),
        cols(shape.cols ? shape.cols : matrixCols), down(matrixRows / rows),
        across(matrixCols / cols) {}
  int64_t count() const { return down * across; }
  /// One number for each block, where `of` is what was cut into blocks.
  MatrixView matrixOf(const std::vector<float> &numbers,
                      const MatrixView &of) const {
    return {
        numbers.data(),
        down,
        across,
        {(of.usedRows() + rows - 1) / rows, (of.usedCols() + cols - 1) / cols}};
  }
  int64_t size() const { return rows * cols; }
  size_t indexOf(int64_t row, int64_t col) const {
    return size_t(row / rows * across + col / cols);
  }
};

/// The key of a plane in CodedTensor::planes.
inline std::string planeKey(const std::string &path) {
  return path.empty() ? "code" : path;
}

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_BLOCKS_H
