// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding and decoding of matrices: checks, strips and threads.

#include "quern/Numerics/EncodeTensor.h"
#include "ScaleSearch.h"
#include "TreeCodec.h"
#include "WholeBlocks.h"
#include "quern/Numerics/Columns.h"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

using namespace quern;
using namespace quern::numerics;

std::vector<std::string> numerics::encoderIsas() {
  std::vector<std::string> names;
  for (const LaneKernels *kernels : laneKernels())
    names.push_back(kernels->isa);
  return names;
}

/// The kernels called `isa`, the best if it is empty; null if there are none.
static const LaneKernels *findKernels(const std::string &isa) {
  for (const LaneKernels *kernels : laneKernels())
    if (isa.empty() || isa == kernels->isa)
      return kernels;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// The first value that is NaN, or infinite where that is not allowed; `count`
/// if there is none.
static int64_t firstUnfit(const LaneKernels &kernels, const float *values,
                          int64_t count, bool infinityIsFit) {
  const int32_t limit = infinityIsFit ? 0x7F800000 : 0x7F7FFFFF;
  if (kernels.largestMagnitude(values, count) <= limit)
    return count;
  return std::find_if(values, values + count,
                      [&](float x) {
                        return std::isnan(x) ||
                               (std::isinf(x) && !infinityIsFit);
                      }) -
         values;
}

static Status unfitValue(const EncodeOptions &options, int64_t index,
                         int64_t cols, float x) {
  return Status::error(StatusCode::InvalidArgument,
                       "expects finite values, but got " +
                           std::string(std::isnan(x) ? "NaN" : "infinity") +
                           " in row " +
                           std::to_string(options.firstRow + index / cols) +
                           ", column " + std::to_string(index % cols));
}

static Status checkArguments(const Format &format, Span<const float> values,
                             int64_t rows, int64_t cols,
                             const EncodeOptions &options) {
  if (Status s = checkShape(format, rows, cols); !s)
    return s;
  if (values.size() != size_t(rows) * size_t(cols))
    return Status::error(StatusCode::InvalidArgument,
                         "expects " + std::to_string(rows * cols) +
                             " values, but got " +
                             std::to_string(values.size()));
  if (!options.columnWeights.empty() &&
      options.columnWeights.size() != size_t(cols))
    return Status::error(StatusCode::InvalidArgument,
                         "expects " + std::to_string(cols) +
                             " column weights, but got " +
                             std::to_string(options.columnWeights.size()));
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Strips
//===----------------------------------------------------------------------===//

namespace {
/// Strips of whole outermost blocks of rows, taken in turn by the threads.
/// Blocks never look over the border of a strip, so strips give the same codes
/// as the whole.
class StripEncoder {
public:
  StripEncoder(const LaneKernels &kernels, const Format &format,
               const MatrixView &matrix, const WeightView &weights,
               const EncodeOptions &options)
      : kernels(kernels), format(format), matrix(matrix), weights(weights),
        options(options), unfit(matrix.size()) {
    int64_t grain = outermostBlock(format).rows;
    stripRows = matrix.rows;
    if (grain != 0) {
      // Enough blocks to fill the lanes of every level, few enough for caches.
      int64_t most =
          std::max<int64_t>(kStripElements / (matrix.cols * grain), 1);
      stripRows = std::min(grain * most, matrix.rows);
    }
    coded.rows = matrix.rows;
    coded.cols = matrix.cols;
    for (const Plane &plane : planesOf(format)) {
      PlaneCodes &codes = coded.planes[plane.path];
      BlockShape shape = planeShape(plane, matrix.rows, matrix.cols);
      codes.rows = shape.rows;
      codes.cols = shape.cols;
      codes.codes.resize(size_t(codes.rows * codes.cols));
    }
  }

  Result<CodedTensor> run() {
    int64_t strips = (matrix.rows + stripRows - 1) / stripRows;
    int64_t threads = std::min<int64_t>(std::max(1u, options.threads), strips);
    std::vector<std::thread> workers;
    for (int64_t i = 1; i < threads; ++i)
      workers.emplace_back([&] { work(); });
    work();
    for (std::thread &worker : workers)
      worker.join();
    if (unfit < matrix.size())
      return unfitValue(options, unfit, matrix.cols, matrix.values[unfit]);
    return std::move(coded);
  }

private:
  static constexpr int64_t kStripElements = 16384;

  void work() {
    for (;;) {
      int64_t begin = nextStrip++ * stripRows;
      if (begin >= matrix.rows)
        return;
      encode(begin, std::min(begin + stripRows, matrix.rows));
    }
  }

  void encode(int64_t begin, int64_t end) {
    MatrixView strip = {matrix.values + begin * matrix.cols, end - begin,
                        matrix.cols};
    if (strip.rows == matrix.rows)
      strip.used = matrix.used;
    int64_t bad =
        firstUnfit(kernels, strip.values, strip.size(), !format.isScaled());
    if (bad < strip.size()) {
      bad += begin * matrix.cols;
      int64_t before = unfit;
      while (bad < before && !unfit.compare_exchange_weak(before, bad))
        ;
      return;
    }
    PlaneCodes &plane = coded.planes.at("code");
    int32_t *codes = plane.codes.data() + begin * plane.cols;
    CodedTensor children;
    if (options.solver == Solver::Mse)
      searchTree(kernels, format, strip, weightsFrom(begin), children, codes);
    else
      encodeTree(kernels, format, nullptr, "", strip, children, codes);
    for (auto &[path, plane] : children.planes) {
      PlaneCodes &target = coded.planes.at(path);
      int64_t granule = matrix.rows / target.rows;
      std::copy(plane.codes.begin(), plane.codes.end(),
                target.codes.begin() + begin / granule * target.cols);
    }
  }

  WeightView weightsFrom(int64_t row) const {
    if (!weights.values)
      return weights;
    return {weights.values + row * weights.rowStride, weights.rowStride};
  }

  const LaneKernels &kernels;
  const Format &format;
  const MatrixView matrix;
  const WeightView weights;
  const EncodeOptions &options;
  int64_t stripRows;
  CodedTensor coded;
  std::atomic<int64_t> nextStrip{0};
  std::atomic<int64_t> unfit; ///< the first value that cannot be coded
};
} // namespace

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

/// Codes a matrix whose blocks may be cut short or cross rows.
static Result<CodedTensor> encodeCut(const LaneKernels &kernels,
                                     const Format &format,
                                     const MatrixView &matrix,
                                     const EncodeOptions &options) {
  // Here, since the filled matrix may have rows of another length.
  int64_t bad = firstUnfit(kernels, matrix.values, matrix.size(), false);
  if (bad < matrix.size())
    return unfitValue(options, bad, matrix.cols, matrix.values[bad]);
  WholeBlocks whole(format, matrix.rows, matrix.cols);
  auto [rows, cols] = whole.shape();
  std::vector<float> filled =
      whole.fill(Span<const float>(matrix.values, size_t(matrix.size())));
  // What zeros that fill up blocks are coded as does not matter.
  std::vector<float> weights;
  if (options.solver == Solver::Mse)
    weights = whole.fillWeights(options.columnWeights);
  WeightView view = {weights.empty() ? nullptr : weights.data(), cols};
  Result<CodedTensor> coded =
      StripEncoder(kernels, whole.format(),
                   {filled.data(), rows, cols, whole.used()}, view, options)
          .run();
  return coded ? whole.cut(*coded) : coded;
}

Result<CodedTensor> numerics::encodeRows(const Format &format,
                                         Span<const float> values, int64_t rows,
                                         int64_t cols,
                                         const EncodeOptions &options) {
  if (Status s = checkArguments(format, values, rows, cols, options); !s)
    return s;
  const LaneKernels *kernels = findKernels(options.isa);
  if (!kernels)
    return Status::error(StatusCode::InvalidArgument,
                         "expects an instruction set of this CPU, but got '" +
                             options.isa + "'");
  if (!format.columns.empty())
    return encodeColumns(format, values, rows, cols, options);
  MatrixView matrix = {values.data(), rows, cols};
  if (mayCutBlocks(format))
    return encodeCut(*kernels, format, matrix, options);
  return StripEncoder(*kernels, format, matrix,
                      {options.columnWeights.data(), 0}, options)
      .run();
}

std::vector<float> numerics::decodeRows(const Format &format,
                                        const CodedTensor &coded) {
  if (!format.columns.empty())
    return decodeColumns(format, coded);
  const LaneKernels &kernels = *laneKernels()[0];
  if (!mayCutBlocks(format))
    return decodeTree(kernels, format, coded, "");
  WholeBlocks whole(format, coded.rows, coded.cols);
  return whole.cut(decodeTree(kernels, whole.format(), whole.fill(coded), ""));
}
