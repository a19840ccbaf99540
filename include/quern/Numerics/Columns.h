// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Column transforms: from a matrix to what its format codes, and back.
//
// With the chain T_1 … T_n of a format, a matrix is W = D T_1 … T_n, where D is
// what the format without the chain decodes. So T_n is undone first: its data
// are chosen from W, those of T_(n-1) from W T_n^-1, and D is coded at last. A
// product x W^T applies T_n^T first to x. The definition of each transform, the
// rules that choose its data and their sources are in docs/Formats.md.
//
// Rows are read a few at a time, so that no weight need lie in memory.

#ifndef QUERN_NUMERICS_COLUMNS_H
#define QUERN_NUMERICS_COLUMNS_H

#include "quern/Numerics/Format.h"
#include "quern/Numerics/Layout.h"
#include <functional>
#include <optional>

namespace quern::numerics {

/// What one transform stores, decoded.
struct ColumnData {
  /// Ordered: [cols] the column of the result that each column becomes. Apart:
  /// [count] the columns that are kept apart, ascending.
  std::vector<int32_t> indices;
  std::vector<float> scales; ///< Scaled: [cols], positive and finite
};

/// Gives rows [begin, end) of a matrix, row-major.
using RowReader =
    std::function<Status(int64_t begin, int64_t end, Span<float> rows)>;

/// What a transformed matrix consists of, each a matrix of its own.
enum class ColumnRole {
  Matrix,  ///< [rows, cols] D, in the format without its transforms
  Order,   ///< [1, cols] Ordered: the indices
  Inverse, ///< [1, cols] Ordered: the place of each column in Order
  Scale,   ///< [1, cols] Scaled
  Apart,   ///< [rows, count] Apart: the columns themselves
  Column,  ///< [1, count] Apart: which ones they are
  Rest,  ///< [1, cols] Apart: each column's own number, `cols` for those apart
  Place, ///< [1, cols] Apart: the place of each column in Column, or `count`
};

struct ColumnPart {
  ColumnRole role = ColumnRole::Matrix;
  size_t link = 0; ///< of the chain; 0 for Matrix
  bool operator==(const ColumnPart &o) const {
    return role == o.role && link == o.link;
  }
};

/// Name of a part among those of its format: "matrix", "order", "apart.column",
/// …; that of the second transform of a kind has a 2 ("order2").
std::string columnPartName(const Format &format, ColumnPart part);
/// The part of that name, or nothing.
std::optional<ColumnPart> lookupColumnPart(const Format &format,
                                           const std::string &name);
/// How a part is coded: indices in 16 bits.
Format columnPartFormat(const Format &format, ColumnPart part);
/// Extents of a part of a matrix [rows, cols].
BlockShape columnPartShape(const Format &format, ColumnPart part, int64_t rows,
                           int64_t cols);

/// The data of an Ordered that sorts columns by the group of scales that they
/// belong to, equal ones by number: how checkpoints keep columns that GPTQ
/// quantized in another order. `groups` are little-endian numbers of 32 bits,
/// one a column. Fails unless each of the groups has `groupCols` columns, 0 for
/// all of them.
Result<std::vector<int32_t>> orderByGroup(Span<const uint8_t> groups,
                                          int64_t cols, int64_t groupCols);
/// Column `order[c]` of codes that lie in their own order becomes column c.
void takeColumns(PlaneCodes &codes, const std::vector<int32_t> &order);

/// A matrix seen through the transforms of a format.
class ColumnView {
public:
  /// With data that are known. The reader is called for roles Matrix and Apart
  /// alone.
  ColumnView(const Format &format, RowReader read, int64_t rows, int64_t cols,
             std::vector<ColumnData> data)
      : ColumnView(format, std::move(read), rows, cols) {
    chain = std::move(data);
  }

  /// Chooses the data of all transforms, reading the matrix once for each that
  /// has data. `columnWeights` as in EncodeOptions. The result does not depend
  /// on how many rows are read together. Fails if the reader does, if the
  /// format does not fit, and at values that are not finite.
  static Result<ColumnView> create(const Format &format, RowReader read,
                                   int64_t rows, int64_t cols,
                                   Span<const float> columnWeights = {});

  /// Rows [begin, end) of a part. Safe to call from several threads if the
  /// reader is.
  Status read(ColumnPart part, int64_t begin, int64_t end,
              Span<float> out) const;

  const std::vector<ColumnData> &data() const { return chain; }
  /// The weights of D's columns: what an error in one of them costs. Empty if
  /// there were none.
  const std::vector<float> &weights() const { return columnWeights; }

private:
  ColumnView(const Format &format, RowReader read, int64_t rows, int64_t cols)
      : format(format), reader(std::move(read)), rows(rows), cols(cols),
        chain(format.columns.size()) {}

  Status choose(size_t link);
  Status sumSquares(size_t link, std::vector<double> &sums) const;
  void undoOnWeights(size_t link);
  Status readAfter(size_t link, int64_t begin, int64_t end,
                   Span<float> out) const;

  Format format;
  RowReader reader;
  int64_t rows, cols;
  std::vector<ColumnData> chain;
  std::vector<float> columnWeights;
};

/// Turns D into W, in place: `values` are rows of D, `apart` the same rows of
/// each transform's Apart (empty for other kinds).
void applyColumns(const Format &format, const std::vector<ColumnData> &chain,
                  const std::vector<std::vector<float>> &apart, int64_t rows,
                  Span<float> values);

/// encodeRows and decodeRows of a format with transforms call these. The planes
/// are those of D, and for each transform those of its stored parts (Order,
/// Scale, Apart, Column), each path behind the part's name.
struct EncodeOptions;
Result<CodedTensor> encodeColumns(const Format &format,
                                  Span<const float> values, int64_t rows,
                                  int64_t cols, const EncodeOptions &options);
std::vector<float> decodeColumns(const Format &format,
                                 const CodedTensor &coded);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_COLUMNS_H
