// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What follows from a format: planes, blocks, sizes, ranges.

#include "quern/Numerics/Format.h"
#include "quern/Numerics/Decode.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace quern;
using namespace quern::numerics;

//===----------------------------------------------------------------------===//
// Equality
//===----------------------------------------------------------------------===//

bool Element::operator==(const Element &o) const {
  return kind == o.kind && bits == o.bits && isSigned == o.isSigned &&
         levels == o.levels && multiplier == o.multiplier &&
         addend == o.addend && floatType == o.floatType && signs == o.signs &&
         codebook == o.codebook;
}

bool ScaleRule::operator==(const ScaleRule &o) const {
  return statistic == o.statistic && divisor == o.divisor &&
         rounding == o.rounding && threshold == o.threshold;
}

static bool equalOrBothNull(const std::shared_ptr<const Format> &a,
                            const std::shared_ptr<const Format> &b) {
  return a == b || (a && b && *a == *b);
}

bool ColumnTransform::operator==(const ColumnTransform &o) const {
  return kind == o.kind && count == o.count && equalOrBothNull(data, o.data);
}

bool Format::operator==(const Format &o) const {
  if (!(element == o.element) || codeRounding != o.codeRounding ||
      isScaled() != o.isScaled() || !(columns == o.columns))
    return false;
  if (!isScaled())
    return true;
  if (offset && !(offsetBlock == o.offsetBlock))
    return false;
  return block == o.block && allowsPartialBlocks == o.allowsPartialBlocks &&
         isFlat == o.isFlat && offsetKind == o.offsetKind &&
         dividesByScale == o.dividesByScale && scaleRule == o.scaleRule &&
         codesFromExactScale == o.codesFromExactScale &&
         equalOrBothNull(scale, o.scale) && equalOrBothNull(offset, o.offset);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

const char *numerics::offsetKeyword(OffsetKind kind) {
  switch (kind) {
  case OffsetKind::None:
    break;
  case OffsetKind::Min:
    return "min";
  case OffsetKind::Add:
    return "add";
  case OffsetKind::Zero:
    return "zero";
  case OffsetKind::Mean:
    return "mean";
  }
  return "";
}

Element numerics::unsignedInt(unsigned bits) {
  Element element;
  element.bits = bits;
  return element;
}

float numerics::lowestValue(const Element &e) {
  switch (e.kind) {
  case ElementKind::Int:
    break;
  case ElementKind::Float: {
    const FloatType &t = *e.floatType;
    ScalarValues v;
    if (!t.hasSign)
      return decodeFloat(v, t, 0);
    return -decodeFloat(v, t, maxFiniteCodeOf(t));
  }
  case ElementKind::Codebook: {
    const std::vector<float> &values = e.codebook.values;
    auto [least, most] = std::minmax_element(values.begin(), values.end());
    return e.signs == SignPolicy::None ? *least : std::min(*least, -*most);
  }
  }
  return std::min(e.valueOf(lowestCodeOf(e)), e.valueOf(highestCodeOf(e)));
}

float numerics::largestValue(const Element &e) {
  switch (e.kind) {
  case ElementKind::Int:
    break;
  case ElementKind::Float: {
    ScalarValues v;
    return decodeFloat(v, *e.floatType, maxFiniteCodeOf(*e.floatType));
  }
  case ElementKind::Codebook: {
    const std::vector<float> &values = e.codebook.values;
    auto [least, most] = std::minmax_element(values.begin(), values.end());
    return e.signs == SignPolicy::None ? *most : std::max(*most, -*least);
  }
  }
  return std::max(e.valueOf(lowestCodeOf(e)), e.valueOf(highestCodeOf(e)));
}

ScaleRule numerics::defaultScaleRule(const Element &element,
                                     OffsetKind offset) {
  ScaleRule rule;
  double low = lowestValue(element), high = largestValue(element);
  if (offset != OffsetKind::None && offset != OffsetKind::Mean) {
    rule.statistic = ScaleStatistic::Range;
    rule.divisor = high - low;
    return rule;
  }
  rule.divisor = high > 0 ? high : std::max(-low, 1.0);
  return rule;
}

//===----------------------------------------------------------------------===//
// Planes and blocks
//===----------------------------------------------------------------------===//

BlockShape numerics::defaultOffsetBlock(const Format &format) {
  return format.offsetKind == OffsetKind::Mean ? BlockShape{0, 0}
                                               : format.block;
}

/// What a plane of signs holds, as an element.
static const Element *signElement(SignPolicy policy) {
  static const Element each = unsignedInt(1);
  static const Element even = unsignedInt(kSignsOfEven - 1);
  return policy == SignPolicy::Even ? &even : &each;
}

/// 0, the whole axis, stays 0 whatever it is multiplied with.
static BlockShape blockOfBlocks(BlockShape granule, BlockShape block) {
  return {granule.rows * block.rows, granule.cols * block.cols};
}

static void collectPlanes(const Format &f, const std::string &path,
                          BlockShape granule, std::vector<Plane> &planes) {
  const Element &e = f.element;
  planes.push_back({path.empty() ? "code" : path, &e,
                    blockOfBlocks(granule, {1, int64_t(e.vectorSize())})});
  if (e.signs != SignPolicy::None)
    planes.push_back(
        {"sign", signElement(e.signs),
         blockOfBlocks(granule,
                       {1, e.signs == SignPolicy::Even ? kSignsOfEven : 1})});
  if (!f.isScaled())
    return;
  collectPlanes(*f.scale, childPath(path, "scale"),
                blockOfBlocks(granule, f.block), planes);
  if (f.offset)
    collectPlanes(*f.offset, childPath(path, offsetKeyword(f.offsetKind)),
                  blockOfBlocks(granule, f.offsetBlock), planes);
}

const char *numerics::columnKeyword(ColumnKind kind) {
  switch (kind) {
  case ColumnKind::Ordered:
    break;
  case ColumnKind::Apart:
    return "apart";
  case ColumnKind::Scaled:
    return "scaled";
  case ColumnKind::Rotated:
    return "rotated";
  }
  return "ordered";
}

Format numerics::withoutColumns(const Format &format) {
  Format result = format;
  result.columns.clear();
  return result;
}

std::vector<Plane> numerics::planesOf(const Format &format) {
  std::vector<Plane> planes;
  collectPlanes(format, "", {1, 1}, planes);
  for (Plane &plane : planes) {
    plane.isFlat = format.isFlat;
    if (format.isFlat) // of the one row that there is
      plane.granule.rows = 1;
    plane.isPartial = format.allowsPartialBlocks || format.isFlat;
  }
  return planes;
}

static int64_t commonMultiple(int64_t a, int64_t b) {
  return a == 0 || b == 0 ? 0 : std::lcm(a, b);
}

BlockShape numerics::outermostBlock(const Format &format) {
  BlockShape block = {1, 1};
  for (const Plane &plane : planesOf(format)) {
    block.rows = commonMultiple(block.rows, plane.granule.rows);
    block.cols = commonMultiple(block.cols, plane.granule.cols);
  }
  return block;
}

BlockShape numerics::commonBlock(const Format &format) {
  BlockShape block = {1, 1};
  for (const Plane &plane : planesOf(format)) {
    block.rows = std::lcm(block.rows, std::max<int64_t>(plane.granule.rows, 1));
    block.cols = std::lcm(block.cols, std::max<int64_t>(plane.granule.cols, 1));
  }
  return block;
}

/// Granules along an axis; the last may be cut short where that is allowed.
static int64_t granulesIn(int64_t extent, int64_t granule, bool isPartial) {
  if (granule == 0)
    return 1;
  return (extent + (isPartial ? granule - 1 : 0)) / granule;
}

BlockShape numerics::planeShape(const Plane &plane, int64_t rows,
                                int64_t cols) {
  if (plane.isFlat)
    return {1, granulesIn(rows * cols, plane.granule.cols, plane.isPartial)};
  return {granulesIn(rows, plane.granule.rows, plane.isPartial),
          granulesIn(cols, plane.granule.cols, plane.isPartial)};
}

int64_t numerics::codingGrain(const Format &format, int64_t rows,
                              int64_t cols) {
  BlockShape block = outermostBlock(format);
  if (format.isFlat && block.cols != 0)
    return std::min(rows, block.cols / std::gcd(block.cols, cols));
  return format.isFlat || block.rows == 0 ? rows : std::min(rows, block.rows);
}

/// Bits that a code is worth: less than its width for a digit of a radix.
static double informationBits(const Element &e) {
  return e.levels == 0 ? double(e.bits) : std::log2(double(e.levels));
}

/// Bits of what a transform stores.
static double columnBits(const ColumnTransform &transform, int64_t rows,
                         int64_t cols) {
  switch (transform.kind) {
  case ColumnKind::Ordered:
    return 16.0 * double(cols);
  case ColumnKind::Apart:
    return double(transform.count) *
           (16 + double(rows) *
                     bitsPerElement(*transform.data, rows, transform.count));
  case ColumnKind::Scaled:
    return double(transform.data->element.bits) * double(cols);
  case ColumnKind::Rotated:
    break;
  }
  return 0;
}

double numerics::bitsPerElement(const Format &format, int64_t rows,
                                int64_t cols) {
  double bits = 0;
  for (const ColumnTransform &transform : format.columns)
    bits += columnBits(transform, rows, cols);
  for (const Plane &plane : planesOf(format)) {
    BlockShape codes = planeShape(plane, rows, cols);
    bits += informationBits(*plane.element) * double(codes.rows) *
            double(codes.cols);
  }
  return bits / (double(rows) * double(cols));
}

static Status checkAxis(const char *axis, int64_t extent, int64_t block,
                        const std::string &plane) {
  if (block == 0 || extent % block == 0)
    return Status::ok();
  return Status::error(StatusCode::InvalidArgument,
                       std::string("expects ") + axis + " divisible by " +
                           std::to_string(block) + " (one '" + plane +
                           "' a block), but got " + std::to_string(extent));
}

/// Blocks that may be cut short are filled up to where all levels end
/// together; that must not take much more than the tensor.
static Status checkCommonEnd(const char *axis, int64_t extent,
                             const std::vector<int64_t> &granules) {
  const double most = 2 * double(extent) + 65536;
  int64_t common = 1;
  for (int64_t granule : granules) {
    if (granule == 0 || granule >= extent)
      continue; // one is the whole axis
    int64_t factor = granule / std::gcd(granule, common);
    if (double(common) * double(factor) > most)
      return Status::error(
          StatusCode::InvalidArgument,
          std::string("expects blocks of all levels that end together within "
                      "twice the ") +
              std::to_string(extent) + " " + axis + ", but got blocks of " +
              std::to_string(common) + " and of " + std::to_string(granule));
    common *= factor;
  }
  return Status::ok();
}

static Status checkCutBlocks(const Format &format, int64_t rows, int64_t cols) {
  constexpr int64_t most = int64_t(1) << 40; // keeps products below 2^63
  if (rows > most / cols)
    return Status::error(StatusCode::InvalidArgument,
                         "expects a matrix of at most 2^40 elements, but got " +
                             std::to_string(rows) + "x" + std::to_string(cols));
  std::vector<int64_t> down, across;
  for (const Plane &plane : planesOf(format)) {
    down.push_back(plane.granule.rows);
    across.push_back(plane.granule.cols);
  }
  if (format.isFlat)
    return checkCommonEnd("elements", rows * cols, across);
  if (Status s = checkCommonEnd("rows", rows, down); !s)
    return s;
  return checkCommonEnd("columns", cols, across);
}

/// Fails unless `transform` fits a matrix of [rows, cols].
static Status checkColumns(const ColumnTransform &transform, int64_t rows,
                           int64_t cols) {
  auto fail = [&](const std::string &expected) {
    return Status::error(StatusCode::InvalidArgument,
                         "expects " + expected + " (columns " +
                             columnKeyword(transform.kind) + "), but got " +
                             std::to_string(cols));
  };
  std::string count = std::to_string(transform.count);
  switch (transform.kind) {
  case ColumnKind::Scaled:
    return Status::ok();
  case ColumnKind::Rotated:
    return cols % transform.count == 0 ? Status::ok()
                                       : fail("columns divisible by " + count);
  case ColumnKind::Apart:
    if (cols <= transform.count)
      return fail("more than " + count + " columns");
    if (Status s = checkShape(*transform.data, rows, transform.count); !s)
      return s.withContext("columns apart");
    break;
  case ColumnKind::Ordered:
    break;
  }
  if (cols <= kMostTransformedColumns)
    return Status::ok();
  return fail("at most " + std::to_string(kMostTransformedColumns) +
              " columns");
}

Status numerics::checkShape(const Format &format, int64_t rows, int64_t cols) {
  if (rows < 1 || cols < 1)
    return Status::error(StatusCode::InvalidArgument,
                         "expects at least one row and column, but got " +
                             std::to_string(rows) + "x" + std::to_string(cols));
  for (const ColumnTransform &transform : format.columns)
    if (Status s = checkColumns(transform, rows, cols); !s)
      return s;
  if (format.allowsPartialBlocks || format.isFlat)
    return checkCutBlocks(format, rows, cols);
  for (const Plane &plane : planesOf(format)) {
    if (Status s = checkAxis("rows", rows, plane.granule.rows, plane.path); !s)
      return s;
    if (Status s = checkAxis("columns", cols, plane.granule.cols, plane.path);
        !s)
      return s;
  }
  return Status::ok();
}
