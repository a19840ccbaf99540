// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Transcoding codes, level by level, as a LevelMap says.

#include "TranscodeParts.h"
#include "quern/Numerics/Decode.h"
#include "quern/Numerics/EncodeTensor.h"
#include <cmath>
#include <map>
#include <optional>

using namespace quern;
using namespace quern::numerics;

namespace {
/// The place of a level in its tree.
struct Place {
  const Format *format;
  std::string path; ///< "" for the root

  std::string plane() const { return path.empty() ? "code" : path; }
  Place child(const char *name) const {
    bool isScale = std::string(name) == "scale";
    return {isScale ? format->scale.get() : format->offset.get(),
            childPath(path, name)};
  }
  Place scale() const { return child("scale"); }
  Place offset() const { return child(offsetKeyword(format->offsetKind)); }
};

/// Which granule of a plane an element lies in.
class GranuleIndex {
public:
  GranuleIndex(const Plane &plane, int64_t rows, int64_t cols)
      : granule(plane.granule), isFlat(plane.isFlat), tensorCols(cols),
        shape(planeShape(plane, rows, cols)) {}

  size_t operator()(int64_t row, int64_t col) const {
    if (isFlat)
      return granule.cols == 0
                 ? 0
                 : size_t((row * tensorCols + col) / granule.cols);
    int64_t r = granule.rows == 0 ? 0 : row / granule.rows;
    int64_t c = granule.cols == 0 ? 0 : col / granule.cols;
    return size_t(r * shape.cols + c);
  }

  /// Calls `visit(index, row, col)` with the first element of each granule,
  /// until it returns an error.
  template <class Visit> Status forEach(Visit visit) const {
    size_t index = 0;
    for (int64_t r = 0; r < shape.rows; ++r)
      for (int64_t c = 0; c < shape.cols; ++c, ++index) {
        int64_t row = r * granule.rows, col = c * granule.cols;
        if (isFlat) {
          row = col / tensorCols;
          col %= tensorCols;
        }
        if (Status status = visit(index, row, col); !status)
          return status;
      }
    return Status::ok();
  }

  BlockShape codes() const { return shape; }

private:
  BlockShape granule;
  bool isFlat;
  int64_t tensorCols;
  BlockShape shape;
};

/// One run of transcodeCodes.
class Transcoder {
public:
  Transcoder(const Format &from, const Format &to, const CodedTensor &in)
      : from(from), to(to), in(in) {
    out.rows = in.rows;
    out.cols = in.cols;
    for (const Plane &plane : planesOf(from))
      fromPlanes[plane.path] = plane;
    for (const Plane &plane : planesOf(to))
      toPlanes[plane.path] = plane;
  }

  Result<CodedTensor> run(const LevelMap &map);

private:
  Status level(const Place &a, const Place &b, const LevelMap &map);
  Status scaled(const Place &a, const Place &b, const LevelMap &map);
  Status values(const Place &a, const Place &b, const LevelMap &map);
  Status elements(const Place &a, const Place &b, const LevelMap &map);
  Status copy(const std::string &fromPath, const std::string &toPath);
  Status copyElements(const Place &a, const Place &b);
  Status fill(const Place &b, float value);
  std::vector<float> decode(const Place &a) const;
  std::vector<int32_t> &addPlane(const std::string &path);

  GranuleIndex granulesOf(const std::string &path, bool ofTo) const {
    return GranuleIndex((ofTo ? toPlanes : fromPlanes).at(path), in.rows,
                        in.cols);
  }

  const Format &from, &to;
  const CodedTensor &in;
  CodedTensor out;
  std::map<std::string, Plane> fromPlanes, toPlanes;
};
} // namespace

static Status unfit(const std::string &what, float value, int64_t row,
                    int64_t col) {
  return Status::error(StatusCode::InvalidFile,
                       "expects " + what + " with a code, but got " +
                           numberText(value) + " for row " +
                           std::to_string(row) + ", column " +
                           std::to_string(col));
}

std::vector<int32_t> &Transcoder::addPlane(const std::string &path) {
  PlaneCodes &plane = out.planes[path];
  BlockShape shape = granulesOf(path, true).codes();
  plane.rows = shape.rows;
  plane.cols = shape.cols;
  plane.codes.assign(size_t(shape.rows * shape.cols), 0);
  return plane.codes;
}

/// The values of the planes from a level down, by its granules.
std::vector<float> Transcoder::decode(const Place &a) const {
  if (a.path.empty())
    return decodeRows(withoutColumns(from), in);
  Format format = *a.format;
  format.allowsPartialBlocks =
      format.isScaled() && (from.allowsPartialBlocks || from.isFlat);
  const PlaneCodes &own = in.planes.at(a.path);
  CodedTensor part{own.rows, own.cols, {{"code", own}}};
  for (auto &[path, plane] : in.planes)
    if (path.rfind(a.path + ".", 0) == 0)
      part.planes[path.substr(a.path.size() + 1)] = plane;
  return decodeRows(format, part);
}

Status Transcoder::copy(const std::string &fromPath,
                        const std::string &toPath) {
  const std::vector<int32_t> &codes = in.planes.at(fromPath).codes;
  std::vector<int32_t> &result = addPlane(toPath);
  GranuleIndex source = granulesOf(fromPath, false);
  return granulesOf(toPath, true)
      .forEach([&](size_t index, int64_t row, int64_t col) {
        result[index] = codes[source(row, col)];
        return Status::ok();
      });
}

/// The codes of a level, and its signs if they are kept apart.
Status Transcoder::copyElements(const Place &a, const Place &b) {
  Status status = copy(a.plane(), b.plane());
  if (b.format->element.signs != SignPolicy::None)
    status = copy("sign", "sign");
  return status;
}

/// Codes of one value everywhere; those of scales below it are 0.
Status Transcoder::fill(const Place &b, float value) {
  std::optional<int32_t> code = exactCode(b.format->element, value);
  if (!code)
    return unfit("a " + b.plane(), value, 0, 0);
  for (int32_t &x : addPlane(b.plane()))
    x = *code;
  for (auto &[path, plane] : toPlanes)
    if (path.rfind(b.path + ".", 0) == 0)
      addPlane(path);
  return Status::ok();
}

Status Transcoder::values(const Place &a, const Place &b, const LevelMap &map) {
  std::vector<float> decoded = decode(a);
  std::vector<int32_t> &codes = addPlane(b.plane());
  // Values of the root are those of elements, whatever the plane of its codes.
  Plane single = fromPlanes.at(a.plane());
  if (a.path.empty())
    single.granule = {1, 1};
  GranuleIndex source(single, in.rows, in.cols);
  std::optional<float> last;
  int32_t lastCode = 0;
  return granulesOf(b.plane(), true)
      .forEach([&](size_t index, int64_t row, int64_t col) {
        float value = decoded[source(row, col)];
        if (!last || *last != value) {
          float kept = map.isMagnitude ? std::fabs(value) : value;
          std::optional<float> wanted = exactProduct(kept, map.factor);
          auto code =
              wanted ? exactCode(b.format->element, *wanted) : std::nullopt;
          if (!code)
            return unfit(b.path.empty() ? "a value" : "a " + b.plane(), value,
                         row, col);
          last = value;
          lastCode = *code;
        }
        codes[index] = lastCode;
        return Status::ok();
      });
}

namespace {
/// Tables by zero point and sign, made when they are first needed.
class TableCache {
public:
  TableCache(const Format &from, const Format &to, const LevelMap &map)
      : values(from.element), element(to.element), factor(map.factor) {
    if (to.offsetKind == OffsetKind::Zero)
      zero = &to.offset->element;
  }

  /// Null if there is none.
  const BlockTable *find(float point, bool isNegative) {
    if (last && lastKey == std::make_pair(point, isNegative))
      return last;
    auto [place, isNew] = tables.try_emplace({point, isNegative});
    if (isNew)
      place->second = findTable({&values, &element, zero},
                                isNegative ? factor.negated() : factor, point);
    last = place->second ? &*place->second : nullptr;
    lastKey = {point, isNegative};
    return last;
  }

  const ElementValues &fromValues() const { return values; }

private:
  ElementValues values;
  const Element &element;
  const Element *zero = nullptr;
  Ratio factor;
  std::map<std::pair<float, bool>, std::optional<BlockTable>> tables;
  const BlockTable *last = nullptr;
  std::pair<float, bool> lastKey;
};

/// Decoded numbers of a level, read by element.
struct ByElement {
  std::vector<float> values;
  GranuleIndex index;
  float at(int64_t row, int64_t col) const { return values[index(row, col)]; }
};
} // namespace

/// Indices, among the values of its element, of the codes of a level.
static std::vector<uint32_t> indicesOf(const Format &level,
                                       const PlaneCodes &codes,
                                       const CodedTensor &in,
                                       const ElementValues &values) {
  std::vector<uint32_t> indices;
  if (!level.element.isComposite()) {
    indices.reserve(codes.codes.size());
    for (int32_t code : codes.codes)
      indices.push_back(uint32_t(values.indexOf(code)));
    return indices;
  }
  Format element;
  element.element = level.element;
  std::vector<float> decoded = decodeRows(element, in);
  indices.reserve(decoded.size());
  for (float value : decoded)
    indices.push_back(uint32_t(values.indexOf(value)));
  return indices;
}

Status Transcoder::elements(const Place &a, const Place &b,
                            const LevelMap &map) {
  TableCache tables(*a.format, *b.format, map);
  std::optional<ByElement> scales, zeros;
  auto read = [&](const Place &place) {
    return ByElement{decode(place), granulesOf(place.path, false)};
  };
  if (map.takesSign)
    scales = read(a.scale());
  bool hadZeros = a.format->offsetKind == OffsetKind::Zero;
  if (hadZeros)
    zeros = read(a.offset());
  Plane single = fromPlanes.at(a.plane());
  if (a.format->element.isComposite())
    single.granule = {1, 1};
  GranuleIndex source(single, in.rows, in.cols);
  std::vector<uint32_t> indices =
      indicesOf(*a.format, in.planes.at(a.plane()), in, tables.fromValues());
  auto tableAt = [&](int64_t row, int64_t col) {
    return tables.find(zeros ? zeros->at(row, col) : 0,
                       scales && scales->at(row, col) < 0);
  };
  std::vector<int32_t> &codes = addPlane(b.plane());
  Status status =
      granulesOf(b.plane(), true)
          .forEach([&](size_t index, int64_t row, int64_t col) {
            const BlockTable *table = tableAt(row, col);
            uint32_t place = indices[source(row, col)];
            if (!table || table->codes[place] == kNoCode)
              return unfit("an element", tables.fromValues().values()[place],
                           row, col);
            codes[index] = table->codes[place];
            return Status::ok();
          });
  if (!status || b.format->offsetKind != OffsetKind::Zero)
    return status;
  std::vector<int32_t> &points = addPlane(b.offset().path);
  return granulesOf(b.offset().path, true)
      .forEach([&](size_t index, int64_t row, int64_t col) {
        const BlockTable *table = tableAt(row, col);
        if (!table)
          return unfit("a zero point", zeros ? zeros->at(row, col) : 0, row,
                       col);
        points[index] = table->zeroCode;
        return Status::ok();
      });
}

Status Transcoder::scaled(const Place &a, const Place &b, const LevelMap &map) {
  Status status = Status::ok();
  if (map.copiesCodes) {
    status = copyElements(a, b);
    if (map.zero)
      status = level(a.offset(), b.offset(), *map.zero);
  } else {
    status = elements(a, b, map);
  }
  if (!status)
    return status;
  if (map.makesScales)
    status = fill(b.scale(), map.madeScale);
  else
    status = level(a.scale(), b.scale(), *map.scale);
  if (!status)
    return status;
  if (map.offset)
    return level(a.offset(), b.offset(), *map.offset);
  bool hasAddend = b.format->offset && b.format->offsetKind != OffsetKind::Zero;
  return hasAddend ? fill(b.offset(), 0) : status;
}

Status Transcoder::level(const Place &a, const Place &b, const LevelMap &map) {
  switch (map.kind) {
  case LevelMap::Kind::Copy:
    return copyElements(a, b);
  case LevelMap::Kind::Value:
    return values(a, b, map);
  case LevelMap::Kind::Scaled:
    break;
  }
  return scaled(a, b, map);
}

Result<CodedTensor> Transcoder::run(const LevelMap &map) {
  if (Status status = level({&from, ""}, {&to, ""}, map); !status)
    return status;
  // What column transforms store is the same on both sides.
  if (!from.columns.empty())
    for (auto &[path, plane] : in.planes)
      if (!fromPlanes.count(path))
        out.planes[path] = plane;
  return std::move(out);
}

Result<CodedTensor> numerics::transcodeCodes(const Transcoding &transcoding,
                                             const Format &from,
                                             const Format &to,
                                             const CodedTensor &coded) {
  if (!transcoding.isExact())
    return Status::error(StatusCode::InvalidArgument,
                         "expects an exact transcoding from " +
                             printFormat(from) + " to " + printFormat(to) +
                             ", but got one that is " + transcoding.text());
  if (Status status = checkShape(to, coded.rows, coded.cols); !status)
    return status;
  return Transcoder(from, to, coded).run(transcoding.map);
}

std::vector<CodeChange> numerics::codeTable(const Transcoding &transcoding,
                                            const Format &from,
                                            const Format &to, bool isNegative,
                                            float zero, int32_t *zeroCode) {
  std::vector<CodeChange> changes;
  const LevelMap &map = transcoding.map;
  if (!transcoding.isExact() || map.kind == LevelMap::Kind::Value ||
      from.element.isComposite() || from.element.bits > 16)
    return changes;
  ElementValues values(from.element);
  const BlockTable *table = nullptr;
  TableCache tables(from, to, map);
  if (map.kind == LevelMap::Kind::Scaled && !map.copiesCodes) {
    table = tables.find(zero, isNegative && map.takesSign);
    if (table && zeroCode)
      *zeroCode = table->zeroCode;
  }
  for (size_t i = 0; i < values.values().size(); ++i)
    if (std::isfinite(values.values()[i]))
      changes.push_back(
          {values.codeAt(i), table ? table->codes[i] : values.codeAt(i)});
  return changes;
}
