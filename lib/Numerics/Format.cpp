// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What follows from a format: planes, blocks, sizes, ranges.

#include "quern/Numerics/Format.h"
#include "quern/Numerics/Decode.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>
#include <numeric>

using namespace quern;
using namespace quern::numerics;

//===----------------------------------------------------------------------===//
// Equality
//===----------------------------------------------------------------------===//

bool Element::operator==(const Element &o) const {
  // A codebook's name is only a way to write its values.
  return kind == o.kind && bits == o.bits && isSigned == o.isSigned &&
         floatType == o.floatType && codebook == o.codebook;
}

bool ScaleRule::operator==(const ScaleRule &o) const {
  return statistic == o.statistic && divisor == o.divisor &&
         rounding == o.rounding && threshold == o.threshold;
}

static bool equalOrBothNull(const std::shared_ptr<const Format> &a,
                            const std::shared_ptr<const Format> &b) {
  return a == b || (a && b && *a == *b);
}

bool Format::operator==(const Format &o) const {
  if (!(element == o.element) || codeRounding != o.codeRounding ||
      isScaled() != o.isScaled())
    return false;
  if (!isScaled())
    return true;
  return block == o.block && offsetKind == o.offsetKind &&
         scaleRule == o.scaleRule &&
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
  }
  return "";
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
  case ElementKind::Codebook:
    return *std::min_element(e.codebook.begin(), e.codebook.end());
  }
  return float(lowestCodeOf(e));
}

float numerics::largestValue(const Element &e) {
  switch (e.kind) {
  case ElementKind::Int:
    break;
  case ElementKind::Float: {
    ScalarValues v;
    return decodeFloat(v, *e.floatType, maxFiniteCodeOf(*e.floatType));
  }
  case ElementKind::Codebook:
    return *std::max_element(e.codebook.begin(), e.codebook.end());
  }
  return float(highestCodeOf(e));
}

/// Whether all values times 2^shift are integers in [-127, 127].
static bool isIntegerTable(const Element &e, int shift) {
  ScalarValues v;
  for (int32_t code = 0; code < int32_t(1u << e.bits); ++code) {
    float scaled = decodeElement(v, e, code) * powerOfTwo(shift);
    // The comparison is false for NaN.
    if (!(std::fabs(scaled) <= 127) || scaled != std::floor(scaled))
      return false;
  }
  return true;
}

std::optional<int> numerics::integerShift(const Element &e) {
  if (e.bits > 8)
    return std::nullopt;
  if (e.kind == ElementKind::Int)
    return 0;
  for (int shift = 0; shift <= 7; ++shift)
    if (isIntegerTable(e, shift))
      return shift;
  return std::nullopt;
}

ScaleRule numerics::defaultScaleRule(const Element &element,
                                     OffsetKind offset) {
  ScaleRule rule;
  double low = lowestValue(element), high = largestValue(element);
  if (offset != OffsetKind::None) {
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

static void collectPlanes(const Format &f, const std::string &path,
                          BlockShape granule, std::vector<Plane> &planes) {
  planes.push_back({path.empty() ? "code" : path, &f.element, granule});
  if (!f.isScaled())
    return;
  // 0, the whole axis, stays 0 whatever it is multiplied with.
  BlockShape inner = {granule.rows * f.block.rows, granule.cols * f.block.cols};
  collectPlanes(*f.scale, childPath(path, "scale"), inner, planes);
  if (f.offset)
    collectPlanes(*f.offset, childPath(path, offsetKeyword(f.offsetKind)),
                  inner, planes);
}

std::vector<Plane> numerics::planesOf(const Format &format) {
  std::vector<Plane> planes;
  collectPlanes(format, "", {1, 1}, planes);
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

int64_t numerics::planeRows(const Plane &plane, int64_t rows) {
  return plane.granule.rows == 0 ? 1 : rows / plane.granule.rows;
}

int64_t numerics::planeCols(const Plane &plane, int64_t cols) {
  return plane.granule.cols == 0 ? 1 : cols / plane.granule.cols;
}

double numerics::bitsPerElement(const Format &format, int64_t rows,
                                int64_t cols) {
  double bits = 0;
  for (const Plane &plane : planesOf(format))
    bits += double(plane.element->bits) * double(planeRows(plane, rows)) *
            double(planeCols(plane, cols));
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

Status numerics::checkShape(const Format &format, int64_t rows, int64_t cols) {
  if (rows < 1 || cols < 1)
    return Status::error(StatusCode::InvalidArgument,
                         "expects at least one row and column, but got " +
                             std::to_string(rows) + "x" + std::to_string(cols));
  for (const Plane &plane : planesOf(format)) {
    if (Status s = checkAxis("rows", rows, plane.granule.rows, plane.path); !s)
      return s;
    if (Status s = checkAxis("columns", cols, plane.granule.cols, plane.path);
        !s)
      return s;
  }
  return Status::ok();
}
