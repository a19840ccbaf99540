// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The search for NaN and infinity among codes.

#include "quern/Numerics/Decode.h"
#include "quern/Numerics/EncodeTensor.h"
#include <cmath>
#include <sstream>

namespace quern::numerics {

static std::string rangeText(const char *axis, int64_t begin, int64_t count,
                             int64_t extent) {
  if (count == 0) // the whole axis
    return std::string("all ") + axis + "s";
  int64_t last = std::min(begin + count, extent) - 1;
  return count == 1 ? axis + (" " + std::to_string(begin))
                    : std::string(axis) + "s " + std::to_string(begin) +
                          " to " + std::to_string(last);
}

/// The elements that code `index` of `plane` is of.
static std::string placeText(const Plane &plane, const CodedTensor &coded,
                             const PlaneCodes &codes, int64_t index,
                             int64_t firstRow) {
  if (plane.isFlat)
    return "elements from " +
           std::to_string(firstRow * coded.cols + index * plane.granule.cols) +
           " on";
  int64_t row = index / codes.cols * plane.granule.rows;
  int64_t col = index % codes.cols * plane.granule.cols;
  return rangeText("row", firstRow + row, plane.granule.rows, INT64_MAX) +
         ", " + rangeText("column", col, plane.granule.cols, coded.cols);
}

/// Whether values are divided by those of the plane at `path`.
static bool isDivisor(const Format &format, const std::string &path) {
  const Format *level = &format;
  bool divides = false;
  std::istringstream names(path);
  for (std::string name; std::getline(names, name, '.');) {
    bool isScale = name == "scale";
    divides = isScale && level->dividesByScale;
    level = isScale ? level->scale.get() : level->offset.get();
    if (!level)
      return false; // of codes or signs
  }
  return divides;
}

Status checkFinite(const Format &format, const CodedTensor &coded,
                   int64_t firstRow) {
  ScalarValues values;
  for (const Plane &plane : planesOf(format)) {
    const Element &element = *plane.element;
    if (element.kind != ElementKind::Float ||
        element.floatType->special == FloatType::Special::FiniteOnly)
      continue;
    const PlaneCodes &codes = coded.planes.at(plane.path);
    bool mustDivide = isDivisor(format, plane.path);
    for (size_t i = 0; i < codes.codes.size(); ++i) {
      float value = decodeFloat(values, *element.floatType, codes.codes[i]);
      bool isZero = mustDivide && value == 0;
      if (std::isfinite(value) && !isZero)
        continue;
      const char *found = std::isnan(value) ? "NaN" : "infinity";
      return Status::error(
          StatusCode::InvalidFile,
          std::string(isZero ? "expects divisors that are not zero, but got 0"
                             : "expects finite values, but got ") +
              (isZero ? "" : found) + " in plane '" + plane.path + "' for " +
              placeText(plane, coded, codes, int64_t(i), firstRow));
    }
  }
  return Status::ok();
}

} // namespace quern::numerics
