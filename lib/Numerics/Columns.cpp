// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Column transforms: how their data are chosen, undone and applied.
//
// Sums run over rows in order in binary64 and roots are IEEE's, so that the
// data depend on the values alone.

#include "quern/Numerics/Columns.h"
#include "quern/Numerics/EncodeTensor.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace quern;
using namespace quern::numerics;

/// Values that are read together to be summed up.
static constexpr int64_t kChunkValues = 1 << 16;
/// Scales of columns stay within what every float of 8 bits can hold.
static constexpr double kMostScale = 64;

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Multiplies each run of `group` values by the normalised Walsh-Hadamard
/// matrix: butterflies with steps 1, 2, 4, … in binary64, then the factor, then
/// one rounding to binary32. It is its own inverse.
static void rotate(float *values, int64_t cols, int64_t group,
                   std::vector<double> &run) {
  run.resize(size_t(group));
  double factor = 1 / std::sqrt(double(group));
  for (float *begin = values; begin != values + cols; begin += group) {
    std::copy(begin, begin + group, run.begin());
    for (int64_t step = 1; step < group; step *= 2)
      for (int64_t pair = 0; pair < group; pair += 2 * step) {
        double *x = run.data() + pair, *y = x + step;
        for (int64_t i = 0; i < step; ++i) {
          double a = x[i], b = y[i];
          x[i] = a + b;
          y[i] = a - b;
        }
      }
    for (int64_t i = 0; i < group; ++i)
      begin[i] = float(run[size_t(i)] * factor);
  }
}

static void undoRow(const ColumnTransform &transform, const ColumnData &data,
                    float *row, int64_t cols, std::vector<float> &old,
                    std::vector<double> &run) {
  switch (transform.kind) {
  case ColumnKind::Ordered:
    old.assign(row, row + cols);
    for (int64_t c = 0; c < cols; ++c)
      row[c] = old[size_t(data.indices[size_t(c)])];
    return;
  case ColumnKind::Apart:
    for (int32_t column : data.indices)
      row[column] = 0;
    return;
  case ColumnKind::Scaled:
    for (int64_t c = 0; c < cols; ++c)
      row[c] /= data.scales[size_t(c)];
    return;
  case ColumnKind::Rotated:
    return rotate(row, cols, transform.count, run);
  }
}

static void applyToRow(const ColumnTransform &transform, const ColumnData &data,
                       const float *apart, float *row, int64_t cols,
                       std::vector<float> &old, std::vector<double> &run) {
  switch (transform.kind) {
  case ColumnKind::Ordered:
    old.assign(row, row + cols);
    for (int64_t c = 0; c < cols; ++c)
      row[data.indices[size_t(c)]] = old[size_t(c)];
    return;
  case ColumnKind::Apart:
    for (int32_t column : data.indices)
      row[column] = *apart++;
    return;
  case ColumnKind::Scaled:
    for (int64_t c = 0; c < cols; ++c)
      row[c] *= data.scales[size_t(c)];
    return;
  case ColumnKind::Rotated:
    return rotate(row, cols, transform.count, run);
  }
}

void numerics::applyColumns(const Format &format,
                            const std::vector<ColumnData> &chain,
                            const std::vector<std::vector<float>> &apart,
                            int64_t rows, Span<float> values) {
  int64_t cols = int64_t(values.size()) / std::max<int64_t>(rows, 1);
  std::vector<float> old;
  std::vector<double> run;
  for (size_t link = 0; link < chain.size(); ++link) {
    const ColumnTransform &transform = format.columns[link];
    for (int64_t r = 0; r < rows; ++r)
      applyToRow(transform, chain[link],
                 apart[link].data() + r * transform.count,
                 values.data() + r * cols, cols, old, run);
  }
}

Status ColumnView::readAfter(size_t link, int64_t begin, int64_t end,
                             Span<float> out) const {
  if (Status s = reader(begin, end, out); !s)
    return s;
  std::vector<float> old;
  std::vector<double> run;
  for (size_t i = chain.size(); i-- > link;)
    for (int64_t r = 0; r < end - begin; ++r)
      undoRow(format.columns[i], chain[i], out.data() + r * cols, cols, old,
              run);
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// The choice of data
//===----------------------------------------------------------------------===//

/// The sum of squares of each column of what the transform makes.
Status ColumnView::sumSquares(size_t link, std::vector<double> &sums) const {
  sums.assign(size_t(cols), 0);
  int64_t step = std::max<int64_t>(kChunkValues / cols, 1);
  std::vector<float> chunk(size_t(std::min(step, rows) * cols));
  for (int64_t begin = 0; begin < rows; begin += step) {
    int64_t end = std::min(begin + step, rows);
    Span<float> part(chunk.data(), size_t((end - begin) * cols));
    if (Status s = readAfter(link + 1, begin, end, part); !s)
      return s;
    for (const float *row = part.begin(); row != part.end(); row += cols)
      for (int64_t c = 0; c < cols; ++c)
        sums[size_t(c)] += double(row[c]) * double(row[c]);
  }
  for (int64_t c = 0; c < cols; ++c)
    if (!std::isfinite(sums[size_t(c)]))
      return Status::error(StatusCode::InvalidArgument,
                           "expects finite values, but got others in column " +
                               std::to_string(c));
  return Status::ok();
}

/// Columns by descending energy, equal ones by number.
static std::vector<int32_t> byEnergy(const std::vector<double> &energy) {
  std::vector<int32_t> order(energy.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    double x = energy[size_t(a)], y = energy[size_t(b)];
    return x > y || (x == y && a < b);
  });
  return order;
}

/// (mean square / weight)^(1/4), so that half of the difference between columns
/// is taken off; their mean is 1.
static std::vector<float> balancingScales(const std::vector<double> &sums,
                                          const std::vector<float> &weights,
                                          int64_t rows) {
  std::vector<double> scales;
  double sum = 0, count = 0;
  for (size_t c = 0; c < sums.size(); ++c) {
    double weight = weights.empty() ? 1 : weights[c];
    double scale =
        weight > 0 ? std::sqrt(std::sqrt(sums[c] / double(rows) / weight)) : 0;
    scales.push_back(scale);
    sum += scale;
    count += scale > 0;
  }
  std::vector<float> result;
  for (double scale : scales)
    result.push_back(float(
        scale > 0 ? std::clamp(scale * count / sum, 1 / kMostScale, kMostScale)
                  : 1));
  return result;
}

/// The nearest numbers that `format` can hold.
static std::vector<float> roundedTo(const Format &format,
                                    const std::vector<float> &values) {
  Result<CodedTensor> coded =
      encodeRows(format, values, 1, int64_t(values.size()));
  return decodeRows(format, *coded); // finite values of an unscaled float
}

Status ColumnView::choose(size_t link) {
  const ColumnTransform &transform = format.columns[link];
  if (transform.kind == ColumnKind::Rotated)
    return Status::ok();
  std::vector<double> sums;
  if (Status s = sumSquares(link, sums); !s)
    return s;
  if (transform.kind == ColumnKind::Scaled) {
    chain[link].scales =
        roundedTo(*transform.data, balancingScales(sums, columnWeights, rows));
    return Status::ok();
  }
  // Columns that share a scale should have values of one size, whatever those
  // count; what is kept apart should be what costs most.
  bool isApart = transform.kind == ColumnKind::Apart;
  for (size_t c = 0; isApart && c < columnWeights.size(); ++c)
    sums[c] *= columnWeights[c];
  std::vector<int32_t> &indices = chain[link].indices;
  indices = byEnergy(sums);
  if (isApart) {
    indices.resize(size_t(transform.count));
    std::sort(indices.begin(), indices.end());
  }
  return Status::ok();
}

/// From what an error of the transform's result costs to what one of its
/// operand does. A column that is multiplied by s has its errors multiplied,
/// too. The errors of a run's columns all take part in each rotated one, with
/// squared factors of 1 / group; products of two of them cancel on average.
void ColumnView::undoOnWeights(size_t link) {
  const ColumnTransform &transform = format.columns[link];
  std::vector<float> &w = columnWeights;
  const ColumnData &data = chain[link];
  switch (transform.kind) {
  case ColumnKind::Ordered: {
    std::vector<float> old = w;
    for (size_t c = 0; c < w.size(); ++c)
      w[c] = old[size_t(data.indices[c])];
    return;
  }
  case ColumnKind::Apart: // what D has there is never used
    for (int32_t column : data.indices)
      w[size_t(column)] = 0;
    return;
  case ColumnKind::Scaled:
    for (size_t c = 0; c < w.size(); ++c)
      w[c] *= data.scales[c] * data.scales[c];
    return;
  case ColumnKind::Rotated:
    for (auto run = w.begin(); run != w.end(); run += transform.count) {
      double sum = std::accumulate(run, run + transform.count, 0.0);
      std::fill(run, run + transform.count,
                float(sum / double(transform.count)));
    }
    return;
  }
}

Result<ColumnView> ColumnView::create(const Format &format, RowReader read,
                                      int64_t rows, int64_t cols,
                                      Span<const float> columnWeights) {
  if (Status s = checkShape(format, rows, cols); !s)
    return s;
  ColumnView view(format, std::move(read), rows, cols);
  view.columnWeights.assign(columnWeights.begin(), columnWeights.end());
  bool makesWeights = std::any_of(
      format.columns.begin(), format.columns.end(), [](const auto &transform) {
        return transform.kind == ColumnKind::Apart ||
               transform.kind == ColumnKind::Scaled;
      });
  if (view.columnWeights.empty() && makesWeights)
    view.columnWeights.assign(size_t(cols), 1);
  for (size_t link = format.columns.size(); link-- > 0;) {
    if (Status s = view.choose(link); !s)
      return s;
    if (!view.columnWeights.empty())
      view.undoOnWeights(link);
  }
  return view;
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// One row of indices that `part`, which is no matrix, stands for.
static std::vector<int32_t> indexRow(const ColumnData &data, ColumnRole role,
                                     int64_t count, int64_t cols) {
  if (role == ColumnRole::Order || role == ColumnRole::Column)
    return data.indices;
  std::vector<int32_t> row(static_cast<size_t>(cols), int32_t(count));
  if (role == ColumnRole::Rest)
    std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < data.indices.size(); ++i)
    row[size_t(data.indices[i])] =
        role == ColumnRole::Rest ? int32_t(cols) : int32_t(i);
  return row;
}

Status ColumnView::read(ColumnPart part, int64_t begin, int64_t end,
                        Span<float> out) const {
  const ColumnData *data = chain.data() + part.link;
  switch (part.role) {
  case ColumnRole::Matrix:
    return readAfter(0, begin, end, out);
  case ColumnRole::Apart: {
    std::vector<float> values(size_t((end - begin) * cols));
    if (Status s = readAfter(part.link + 1, begin, end, values); !s)
      return s;
    float *next = out.data();
    for (int64_t r = 0; r < end - begin; ++r)
      for (int32_t column : data->indices)
        *next++ = values[size_t(r * cols + column)];
    return Status::ok();
  }
  case ColumnRole::Scale:
    std::copy(data->scales.begin(), data->scales.end(), out.begin());
    return Status::ok();
  default: {
    std::vector<int32_t> row =
        indexRow(*data, part.role, format.columns[part.link].count, cols);
    std::copy(row.begin(), row.end(), out.begin());
    return Status::ok();
  }
  }
}
