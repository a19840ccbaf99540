// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The parts of a transformed matrix: names, formats, codes.

#include "quern/Numerics/Columns.h"
#include "quern/Numerics/EncodeTensor.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

namespace {
struct RoleName {
  ColumnRole role;
  ColumnKind kind;
  const char *stem, *suffix;
  bool isStored; ///< not computed from other parts
};
} // namespace

static constexpr RoleName roleNames[] = {
    {ColumnRole::Order, ColumnKind::Ordered, "order", "", true},
    {ColumnRole::Inverse, ColumnKind::Ordered, "order", ".inverse", false},
    {ColumnRole::Scale, ColumnKind::Scaled, "column_scale", "", true},
    {ColumnRole::Apart, ColumnKind::Apart, "apart", "", true},
    {ColumnRole::Column, ColumnKind::Apart, "apart", ".column", true},
    {ColumnRole::Rest, ColumnKind::Apart, "apart", ".rest", false},
    {ColumnRole::Place, ColumnKind::Apart, "apart", ".place", false},
};

/// The name of a role of link `link`.
static std::string nameOf(const RoleName &role, const Format &format,
                          size_t link) {
  auto begin = format.columns.begin();
  auto before = std::count_if(
      begin, begin + int64_t(link),
      [&](const ColumnTransform &other) { return other.kind == role.kind; });
  std::string number = before == 0 ? "" : std::to_string(before + 1);
  return role.stem + number + role.suffix;
}

std::string numerics::columnPartName(const Format &format, ColumnPart part) {
  for (const RoleName &role : roleNames)
    if (role.role == part.role)
      return nameOf(role, format, part.link);
  return "matrix";
}

std::optional<ColumnPart> numerics::lookupColumnPart(const Format &format,
                                                     const std::string &name) {
  if (name == "matrix")
    return ColumnPart();
  for (size_t link = 0; link < format.columns.size(); ++link)
    for (const RoleName &role : roleNames)
      if (role.kind == format.columns[link].kind &&
          name == nameOf(role, format, link))
        return ColumnPart{role.role, link};
  return std::nullopt;
}

Format numerics::columnPartFormat(const Format &format, ColumnPart part) {
  if (part.role == ColumnRole::Matrix)
    return withoutColumns(format);
  if (part.role == ColumnRole::Apart || part.role == ColumnRole::Scale)
    return *format.columns[part.link].data;
  Format indices;
  indices.element = unsignedInt(16);
  return indices;
}

BlockShape numerics::columnPartShape(const Format &format, ColumnPart part,
                                     int64_t rows, int64_t cols) {
  switch (part.role) {
  case ColumnRole::Matrix:
    return {rows, cols};
  case ColumnRole::Apart:
    return {rows, format.columns[part.link].count};
  case ColumnRole::Column:
    return {1, format.columns[part.link].count};
  default:
    return {1, cols};
  }
}

/// Matrix first, then what is stored for each transform.
static std::vector<ColumnPart> storedParts(const Format &format) {
  std::vector<ColumnPart> parts = {ColumnPart()};
  for (size_t link = 0; link < format.columns.size(); ++link)
    for (const RoleName &role : roleNames)
      if (role.isStored && role.kind == format.columns[link].kind)
        parts.push_back({role.role, link});
  return parts;
}

static std::string pathPrefix(const Format &format, ColumnPart part) {
  return part.role == ColumnRole::Matrix ? ""
                                         : columnPartName(format, part) + ".";
}

Result<CodedTensor> numerics::encodeColumns(const Format &format,
                                            Span<const float> values,
                                            int64_t rows, int64_t cols,
                                            const EncodeOptions &options) {
  RowReader reader = [&](int64_t begin, int64_t end, Span<float> out) {
    std::copy(values.begin() + begin * cols, values.begin() + end * cols,
              out.begin());
    return Status::ok();
  };
  Result<ColumnView> view =
      ColumnView::create(format, reader, rows, cols, options.columnWeights);
  if (!view)
    return view.status();
  CodedTensor result;
  result.rows = rows;
  result.cols = cols;
  for (ColumnPart part : storedParts(format)) {
    BlockShape shape = columnPartShape(format, part, rows, cols);
    std::vector<float> numbers(size_t(shape.rows * shape.cols));
    if (Status s = view->read(part, 0, shape.rows, numbers); !s)
      return s;
    EncodeOptions inner = options;
    inner.columnWeights = {};
    if (part.role == ColumnRole::Matrix)
      inner.columnWeights = view->weights();
    Result<CodedTensor> coded = encodeRows(
        columnPartFormat(format, part), numbers, shape.rows, shape.cols, inner);
    if (!coded)
      return coded.status();
    for (auto &[path, plane] : coded->planes)
      result.planes[pathPrefix(format, part) + path] = std::move(plane);
  }
  return result;
}

/// The numbers of one stored part.
static std::vector<float> decodePart(const Format &format, ColumnPart part,
                                     const CodedTensor &coded) {
  BlockShape shape = columnPartShape(format, part, coded.rows, coded.cols);
  Format own = columnPartFormat(format, part);
  CodedTensor planes;
  planes.rows = shape.rows;
  planes.cols = shape.cols;
  for (const Plane &plane : planesOf(own))
    planes.planes[plane.path] =
        coded.planes.at(pathPrefix(format, part) + plane.path);
  return decodeRows(own, planes);
}

std::vector<float> numerics::decodeColumns(const Format &format,
                                           const CodedTensor &coded) {
  std::vector<ColumnData> chain(format.columns.size());
  std::vector<std::vector<float>> apart(format.columns.size());
  std::vector<float> values;
  for (ColumnPart part : storedParts(format)) {
    std::vector<float> numbers = decodePart(format, part, coded);
    if (part.role == ColumnRole::Matrix)
      values = std::move(numbers);
    else if (part.role == ColumnRole::Scale)
      chain[part.link].scales = std::move(numbers);
    else if (part.role == ColumnRole::Apart)
      apart[part.link] = std::move(numbers);
    else
      chain[part.link].indices.assign(numbers.begin(), numbers.end());
  }
  applyColumns(format, chain, apart, coded.rows, values);
  return values;
}
