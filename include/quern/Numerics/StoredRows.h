// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Matrices of codes whose rows are stored in several matrices, or are
// some of the rows of a larger one.
//
// Checkpoints keep each expert of a layer apart, where the model has one matrix
// of all, and the projections of a layer in one matrix, where the model has
// three. Codes stay as they are stored if no block is cut.

#ifndef QUERN_NUMERICS_STOREDROWS_H
#define QUERN_NUMERICS_STOREDROWS_H

#include "quern/Numerics/Layout.h"

#include <functional>

namespace quern::numerics {

/// Where the rows of a matrix are: row i is row first + i / run * stride +
/// i % run of `matrices` of `rowsOfEach` rows, one below the other.
struct StoredRows {
  int64_t matrices = 1; ///< each in segments of its own
  int64_t rowsOfEach = 0;
  int64_t first = 0;
  int64_t run = 0; ///< rows that follow one another, positive
  int64_t stride = 0;

  /// All rows of one matrix.
  static StoredRows whole(int64_t rows) { return {1, rows, 0, rows, rows}; }
  /// Of `matrices` that are equal parts of so many rows.
  static StoredRows stack(int64_t rows, int64_t matrices) {
    return {matrices, rows / matrices, 0, rows, rows};
  }
};

/// `format` of a matrix of `rowsOfEach` rows as one of several, one below the
/// other, has it: blocks of whole columns become blocks of so many rows.
Format stackedFormat(const Format &format, int64_t rowsOfEach);

/// Fails unless a matrix of [rows, cols] in `format` has its rows in `stored`,
/// and blocks of the format are whole in both. Blocks of whole columns, which
/// several matrices do not share, count as cut then: see stackedFormat.
Status checkStoredRows(const StoredRows &stored, const Format &format,
                       int64_t rows, int64_t cols);

/// The segments of matrix `index`, each of its segmentBytes.
using SegmentsOf =
    std::function<Result<std::vector<Span<const uint8_t>>>(int64_t index)>;

/// Rows [rowBegin, rowEnd) of a matrix of [rows, cols], multiples of
/// readGrain() or the end. Each stored matrix lies as `layout` says, in
/// `format`. `stored` is one that checkStoredRows accepts.
Result<CodedTensor> unpackStoredRows(const Layout &layout, const Format &format,
                                     const StoredRows &stored, int64_t rows,
                                     int64_t cols, int64_t rowBegin,
                                     int64_t rowEnd,
                                     const SegmentsOf &segmentsOf);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_STOREDROWS_H
