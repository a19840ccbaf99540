// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding and decoding of matrices, level by level.

#include "quern/Numerics/EncodeTensor.h"
#include "ElementLoops.h"
#include "ScaleSearch.h"
#include "VectorSearch.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>
#include <optional>
#include <thread>

using namespace quern;
using namespace quern::numerics;

namespace {
/// A row-major matrix of numbers that somebody else owns.
struct MatrixView {
  const float *values = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t size() const { return rows * cols; }
};

/// How a matrix is cut into the blocks of one level.
struct Blocks {
  int64_t rows, cols; ///< of one block, in elements
  int64_t down, across;

  Blocks(BlockShape shape, const MatrixView &matrix)
      : rows(shape.rows ? shape.rows : matrix.rows),
        cols(shape.cols ? shape.cols : matrix.cols), down(matrix.rows / rows),
        across(matrix.cols / cols) {}
  int64_t count() const { return down * across; }
  size_t indexOf(int64_t row, int64_t col) const {
    return size_t(row / rows * across + col / cols);
  }
};
} // namespace

/// Calls visit(row, column, columns, scale's index, offset's index) for every
/// run of elements that share a scale and an offset.
template <typename Visit>
static void forEachRun(const Format &format, const MatrixView &matrix,
                       Visit visit) {
  Blocks scales(format.block, matrix);
  Blocks offsets(format.offset ? format.offsetBlock : format.block, matrix);
  int64_t width = std::min(scales.cols, offsets.cols);
  for (int64_t r = 0; r < matrix.rows; ++r)
    for (int64_t c = 0; c < matrix.cols; c += width)
      visit(r, c, width, scales.indexOf(r, c), offsets.indexOf(r, c));
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

static std::vector<float> decodeCodes(const Element &element,
                                      const std::vector<int32_t> &codes) {
  std::vector<float> values(codes.size());
  decodeElements(element, codes.data(), int64_t(codes.size()), values.data());
  return values;
}

/// The elements of one level, before scales and offsets.
static std::vector<float> decodeElementsOf(const Format &format,
                                           const CodedTensor &coded,
                                           const std::string &path) {
  const PlaneCodes &plane = coded.planes.at(path.empty() ? "code" : path);
  const Element &element = format.element;
  if (!element.isComposite())
    return decodeCodes(element, plane.codes);
  // A row is whole vectors and signs, so rows can be decoded as one.
  std::vector<float> values(plane.codes.size() * element.vectorSize());
  const int32_t *signs = element.signs == SignPolicy::None
                             ? nullptr
                             : coded.planes.at("sign").codes.data();
  decodeVectors(element, plane.codes.data(), signs, int64_t(values.size()),
                values.data());
  return values;
}

/// The values of one level from its codes and its decoded scales and offsets
/// (empty where the format has none).
static std::vector<float> decodeLevel(const Format &format,
                                      const CodedTensor &coded,
                                      const std::string &path,
                                      const std::vector<float> &scales,
                                      const std::vector<float> &offsets) {
  std::vector<float> values = decodeElementsOf(format, coded, path);
  if (!format.isScaled())
    return values;
  const PlaneCodes &plane = coded.planes.at(path.empty() ? "code" : path);
  int64_t cols = plane.cols * format.element.vectorSize();
  forEachRun(format, {nullptr, plane.rows, cols},
             [&](int64_t r, int64_t c, int64_t width, size_t s, size_t o) {
               applyBlock(format,
                          {scales[s], 0, format.offset ? offsets[o] : 0},
                          values.data() + r * cols + c, width);
             });
  return values;
}

static std::vector<float> decodeTree(const Format &format,
                                     const CodedTensor &coded,
                                     const std::string &path) {
  std::vector<float> scales, offsets;
  if (format.isScaled())
    scales = decodeTree(*format.scale, coded, childPath(path, "scale"));
  if (format.offset)
    offsets = decodeTree(*format.offset, coded,
                         childPath(path, offsetKeyword(format.offsetKind)));
  return decodeLevel(format, coded, path, scales, offsets);
}

std::vector<float> numerics::decodeRows(const Format &format,
                                        const CodedTensor &coded) {
  return decodeTree(format, coded, "");
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {
/// Decoded scales and offsets (empty if there are none) of one level's blocks.
struct BlockValues {
  std::vector<float> scales, offsets;
};

/// Encodes a matrix and, below it, the matrices of its scales and offsets.
class TreeEncoder {
public:
  TreeEncoder(const EncodeOptions &options, CodedTensor &out)
      : options(options), out(out) {}

  /// The root level. Only here are scales searched.
  void encodeRoot(const Format &format, const MatrixView &matrix,
                  Solver solver) {
    if (!format.isScaled())
      encodeUnscaled(format, nullptr, "", matrix);
    else
      encodeScaled(format, nullptr, "", matrix, solver);
  }

private:
  /// Returns the decoded values. `rule` is the scale rule of the level above,
  /// if this matrix holds scales.
  std::vector<float> encodeTree(const Format &format, const ScaleRule *rule,
                                const std::string &path,
                                const MatrixView &matrix);
  std::vector<float> encodeUnscaled(const Format &format, const ScaleRule *rule,
                                    const std::string &path,
                                    const MatrixView &matrix);
  BlockValues encodeScaled(const Format &format, const ScaleRule *rule,
                           const std::string &path, const MatrixView &matrix,
                           Solver solver);
  std::vector<BlockRange>
  rangesOf(const Format &format, const MatrixView &matrix, Solver solver) const;
  std::vector<float> encodeMean(const Format &format, const std::string &path,
                                const MatrixView &matrix);
  std::vector<float> encodeOffsets(const Format &format,
                                   const std::string &path,
                                   const MatrixView &matrix,
                                   const std::vector<BlockRange> &ranges,
                                   const std::vector<float> &scales);
  void encodeCodes(const Format &format, const ScaleRule *rule,
                   const std::string &path, const MatrixView &matrix,
                   const std::vector<float> &scales,
                   const std::vector<float> &offsets);
  PlaneCodes &makePlane(const std::string &path, int64_t rows, int64_t cols);

  const EncodeOptions &options;
  CodedTensor &out;
};
} // namespace

PlaneCodes &TreeEncoder::makePlane(const std::string &path, int64_t rows,
                                   int64_t cols) {
  PlaneCodes &plane = out.planes[path];
  plane = {rows, cols, {}};
  plane.codes.resize(size_t(rows) * size_t(cols));
  return plane;
}

std::vector<float> TreeEncoder::encodeUnscaled(const Format &format,
                                               const ScaleRule *rule,
                                               const std::string &path,
                                               const MatrixView &matrix) {
  PlaneCodes &plane =
      makePlane(path.empty() ? "code" : path, matrix.rows, matrix.cols);
  BlockCode one = {1, 1, 0};
  encodeScaleBlock(format, rule ? *rule : ScaleRule(), one, matrix.values,
                   matrix.size(), plane.codes.data());
  return decodeCodes(format.element, plane.codes);
}

/// Whether searchRange knows how the codes of a block follow from its range.
static bool canSearch(const Format &format) {
  bool isOffsetShared = format.offset && !(format.offsetBlock == format.block);
  return !format.element.isComposite() && !format.dividesByScale &&
         !isOffsetShared;
}

std::vector<BlockRange> TreeEncoder::rangesOf(const Format &format,
                                              const MatrixView &matrix,
                                              Solver solver) const {
  Blocks blocks(format.block, matrix);
  std::vector<BlockRange> ranges(size_t(blocks.count()));
  for (int64_t i = 0; i < blocks.count(); ++i) {
    int64_t firstRow = i / blocks.across * blocks.rows;
    int64_t firstCol = i % blocks.across * blocks.cols;
    const float *weights = options.columnWeights.empty()
                               ? nullptr
                               : options.columnWeights.data() + firstCol;
    BlockView block = {matrix.values + firstRow * matrix.cols + firstCol,
                       matrix.cols, blocks.rows, blocks.cols, weights};
    BlockRange range = plainRange(format, block);
    ranges[size_t(i)] = solver == Solver::Mse && canSearch(format)
                            ? searchRange(format, block, range)
                            : range;
  }
  return ranges;
}

/// What values are multiplied with to get codes.
static float inverseOf(const Format &format, float scale) {
  ScalarValues v;
  if (!format.dividesByScale)
    return inverseScale(v, scale);
  return std::isfinite(scale) ? scale : 0;
}

/// Codes of the elements of a composite element, which has no offset but zero
/// points; `codes` and `signs` advance.
static void encodeRun(VectorSearch &search, const Format &format,
                      const BlockCode &block, const float *values,
                      int64_t count, int32_t *codes, int32_t *signs) {
  ScalarValues v;
  std::vector<float> scaled(values, values + count);
  for (float &x : scaled)
    x = codeDomainValue(v, format, x, block.inverse, block.offset);
  search.encode(scaled.data(), nullptr, count, codes, signs);
}

void TreeEncoder::encodeCodes(const Format &format, const ScaleRule *rule,
                              const std::string &path, const MatrixView &matrix,
                              const std::vector<float> &scales,
                              const std::vector<float> &offsets) {
  const Element &element = format.element;
  int64_t size = element.vectorSize(), rows = matrix.rows;
  PlaneCodes &plane =
      makePlane(path.empty() ? "code" : path, rows, matrix.cols / size);
  int64_t perSign = element.signs == SignPolicy::Even ? kSignsOfEven : 1;
  int32_t *signs = nullptr;
  if (element.signs != SignPolicy::None)
    signs = makePlane("sign", rows, matrix.cols / perSign).codes.data();
  std::optional<VectorSearch> search;
  if (element.isComposite())
    search.emplace(element);
  forEachRun(format, matrix,
             [&](int64_t r, int64_t c, int64_t width, size_t s, size_t o) {
               int64_t first = r * matrix.cols + c;
               BlockCode code = {scales[s], inverseOf(format, scales[s]),
                                 format.offset ? offsets[o] : 0};
               const float *values = matrix.values + first;
               if (search)
                 encodeRun(*search, format, code, values, width,
                           plane.codes.data() + first / size,
                           signs ? signs + first / perSign : nullptr);
               else if (rule)
                 encodeScaleBlock(format, *rule, code, values, width,
                                  plane.codes.data() + first);
               else
                 encodeBlock(format, code, values, width,
                             plane.codes.data() + first);
             });
}

std::vector<float> TreeEncoder::encodeMean(const Format &format,
                                           const std::string &path,
                                           const MatrixView &matrix) {
  double sum = 0;
  for (int64_t i = 0; i < matrix.size(); ++i)
    sum += double(matrix.values[i]);
  float mean = float(sum / double(matrix.size()));
  return encodeTree(*format.offset, nullptr,
                    childPath(path, offsetKeyword(format.offsetKind)),
                    {&mean, 1, 1});
}

std::vector<float> TreeEncoder::encodeOffsets(
    const Format &format, const std::string &path, const MatrixView &matrix,
    const std::vector<BlockRange> &ranges, const std::vector<float> &scales) {
  ScalarValues v;
  Blocks blocks(format.block, matrix), own(format.offsetBlock, matrix);
  std::vector<float> offsets(size_t(own.count()));
  for (int64_t i = 0; i < own.count(); ++i) {
    int64_t row = i / own.across * own.rows, col = i % own.across * own.cols;
    size_t block = blocks.indexOf(row, col);
    float low = ranges[block].low, inverse = inverseOf(format, scales[block]);
    BlockView view = {matrix.values + row * matrix.cols + col, matrix.cols,
                      own.rows, own.cols, nullptr};
    if (!(format.offsetBlock == format.block))
      low = plainRange(format, view).low;
    offsets[size_t(i)] = exactOffset(v, format, low, scales[block], inverse);
  }
  return encodeTree(*format.offset, nullptr,
                    childPath(path, offsetKeyword(format.offsetKind)),
                    {offsets.data(), own.down, own.across});
}

BlockValues TreeEncoder::encodeScaled(const Format &format,
                                      const ScaleRule *rule,
                                      const std::string &path,
                                      const MatrixView &matrix, Solver solver) {
  BlockValues stored;
  std::vector<BlockRange> ranges;
  if (format.offsetKind == OffsetKind::Mean) {
    stored.offsets = encodeMean(format, path, matrix);
    std::vector<float> rest(matrix.values, matrix.values + matrix.size());
    for (float &x : rest)
      x -= stored.offsets.front();
    ranges = rangesOf(format, {rest.data(), matrix.rows, matrix.cols},
                      Solver::Plain);
  } else {
    ranges = rangesOf(format, matrix, solver);
  }
  Blocks blocks(format.block, matrix);
  std::vector<float> exact(ranges.size());
  for (size_t i = 0; i < ranges.size(); ++i)
    exact[i] = format.dividesByScale ? 1 / ranges[i].scale : ranges[i].scale;
  stored.scales =
      encodeTree(*format.scale, &format.scaleRule, childPath(path, "scale"),
                 {exact.data(), blocks.down, blocks.across});
  const std::vector<float> &scales =
      format.codesFromExactScale ? exact : stored.scales;
  if (format.offset && format.offsetKind != OffsetKind::Mean)
    stored.offsets = encodeOffsets(format, path, matrix, ranges, scales);
  encodeCodes(format, rule, path, matrix, scales, stored.offsets);
  return stored;
}

std::vector<float> TreeEncoder::encodeTree(const Format &format,
                                           const ScaleRule *rule,
                                           const std::string &path,
                                           const MatrixView &matrix) {
  if (!format.isScaled())
    return encodeUnscaled(format, rule, path, matrix);
  BlockValues stored = encodeScaled(format, rule, path, matrix, Solver::Plain);
  return decodeLevel(format, out, path, stored.scales, stored.offsets);
}

//===----------------------------------------------------------------------===//
// Whole tensors
//===----------------------------------------------------------------------===//

/// Weighted squared errors, one an outermost block, row by row of blocks.
static std::vector<double> blockErrors(const Blocks &blocks,
                                       const MatrixView &matrix,
                                       const std::vector<float> &decoded,
                                       Span<const float> weights) {
  std::vector<double> errors(size_t(blocks.count()));
  for (int64_t r = 0; r < matrix.rows; ++r)
    for (int64_t c = 0; c < matrix.cols; ++c) {
      int64_t i = r * matrix.cols + c;
      double rest = double(matrix.values[i]) - double(decoded[size_t(i)]);
      double weight = weights.empty() ? 1.0 : weights[size_t(c)];
      errors[size_t(r / blocks.rows * blocks.across + c / blocks.cols)] +=
          weight * rest * rest;
    }
  return errors;
}

/// Copies the codes of outermost block (down, across) in every plane.
static void copyBlock(const Format &format, const Blocks &blocks, int64_t down,
                      int64_t across, const CodedTensor &from,
                      CodedTensor &to) {
  for (const Plane &plane : planesOf(format)) {
    const PlaneCodes &source = from.planes.at(plane.path);
    PlaneCodes &target = to.planes.at(plane.path);
    // No granule is cut by an outermost block, so each plane divides evenly.
    int64_t rows = source.rows / blocks.down;
    int64_t cols = source.cols / blocks.across;
    for (int64_t r = down * rows; r < (down + 1) * rows; ++r) {
      auto begin = source.codes.begin() + r * source.cols + across * cols;
      std::copy(begin, begin + cols,
                target.codes.begin() + r * source.cols + across * cols);
    }
  }
}

static CodedTensor encodeWith(const Format &format, const MatrixView &matrix,
                              const EncodeOptions &options, Solver solver) {
  CodedTensor coded;
  coded.rows = matrix.rows;
  coded.cols = matrix.cols;
  TreeEncoder(options, coded).encodeRoot(format, matrix, solver);
  return coded;
}

static CodedTensor encodeMatrix(const Format &format, const MatrixView &matrix,
                                const EncodeOptions &options) {
  CodedTensor plain = encodeWith(format, matrix, options, Solver::Plain);
  if (options.solver == Solver::Plain || !format.isScaled())
    return plain;
  // Scales that are coded themselves may undo what the search gained, so the
  // better of both is taken where it is known: in an outermost block.
  CodedTensor searched = encodeWith(format, matrix, options, Solver::Mse);
  Blocks blocks(outermostBlock(format), matrix);
  std::vector<double> before = blockErrors(
      blocks, matrix, decodeRows(format, plain), options.columnWeights);
  std::vector<double> after = blockErrors(
      blocks, matrix, decodeRows(format, searched), options.columnWeights);
  for (int64_t i = 0; i < blocks.count(); ++i)
    if (after[size_t(i)] < before[size_t(i)])
      copyBlock(format, blocks, i / blocks.across, i % blocks.across, searched,
                plain);
  return plain;
}

static Status checkValues(const Format &format, const MatrixView &matrix,
                          const EncodeOptions &options) {
  for (int64_t i = 0; i < matrix.size(); ++i) {
    float x = matrix.values[i];
    if (std::isfinite(x) || (std::isinf(x) && !format.isScaled()))
      continue;
    std::string place = "row " +
                        std::to_string(options.firstRow + i / matrix.cols) +
                        ", column " + std::to_string(i % matrix.cols);
    return Status::error(StatusCode::InvalidArgument,
                         "expects finite values, but got " +
                             std::string(std::isnan(x) ? "NaN" : "infinity") +
                             " in " + place);
  }
  return Status::ok();
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
  return checkValues(format, {values.data(), rows, cols}, options);
}

/// Appends the rows of `part` to `whole`.
static void appendRows(CodedTensor &whole, CodedTensor &&part) {
  if (whole.planes.empty()) {
    whole = std::move(part);
    return;
  }
  whole.rows += part.rows;
  for (auto &[path, plane] : part.planes) {
    PlaneCodes &target = whole.planes[path];
    target.rows += plane.rows;
    target.codes.insert(target.codes.end(), plane.codes.begin(),
                        plane.codes.end());
  }
}

Result<CodedTensor> numerics::encodeRows(const Format &format,
                                         Span<const float> values, int64_t rows,
                                         int64_t cols,
                                         const EncodeOptions &options) {
  if (Status s = checkArguments(format, values, rows, cols, options); !s)
    return s;
  // Blocks never look over the border of an outermost block of rows, so parts
  // of whole blocks give the same codes as the whole.
  int64_t grain = outermostBlock(format).rows;
  int64_t grains = grain == 0 ? 1 : rows / grain;
  int64_t parts = std::min<int64_t>(std::max(1u, options.threads), grains);
  if (parts == 1)
    return encodeMatrix(format, {values.data(), rows, cols}, options);
  std::vector<CodedTensor> coded(static_cast<size_t>(parts));
  std::vector<std::thread> workers;
  for (int64_t i = 0; i < parts; ++i)
    workers.emplace_back([&, i] {
      int64_t begin = grains * i / parts * grain;
      int64_t end = grains * (i + 1) / parts * grain;
      MatrixView part = {values.data() + begin * cols, end - begin, cols};
      coded[size_t(i)] = encodeMatrix(format, part, options);
    });
  for (std::thread &worker : workers)
    worker.join();
  CodedTensor whole;
  for (CodedTensor &part : coded)
    appendRows(whole, std::move(part));
  return whole;
}
