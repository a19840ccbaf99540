// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Matrices of codes whose rows are stored elsewhere than one after
// another.

#include "quern/Numerics/StoredRows.h"

#include <algorithm>

using namespace quern;
using namespace quern::numerics;

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

static std::string number(int64_t value) { return std::to_string(value); }

/// `rows`: of the matrix that a level codes.
static Format stackLevel(Format format, int64_t rows) {
  if (!format.isScaled())
    return format;
  if (format.block.rows == 0)
    format.block.rows = rows;
  int64_t blocks = (rows + format.block.rows - 1) / format.block.rows;
  format.scale =
      std::make_shared<const Format>(stackLevel(*format.scale, blocks));
  bool isOfAll = format.offsetKind == OffsetKind::Mean; // there is one
  if (!format.offset || isOfAll)
    return format;
  if (format.offsetBlock.rows == 0)
    format.offsetBlock.rows = rows;
  blocks = (rows + format.offsetBlock.rows - 1) / format.offsetBlock.rows;
  format.offset =
      std::make_shared<const Format>(stackLevel(*format.offset, blocks));
  return format;
}

Format numerics::stackedFormat(const Format &format, int64_t rowsOfEach) {
  return format.isFlat ? format : stackLevel(format, rowsOfEach);
}

//===----------------------------------------------------------------------===//
// Blocks that would be cut
//===----------------------------------------------------------------------===//

/// Rows of codes of `plane` that end before `row`, or codes where it is flat.
static int64_t granuleBefore(const Plane &plane, int64_t row, int64_t cols) {
  return plane.isFlat ? row * cols / plane.granule.cols
                      : row / plane.granule.rows;
}

/// Whether all rows share each code of the plane.
static bool isShared(const Plane &plane) {
  return plane.isFlat ? plane.granule.cols == 0 : plane.granule.rows == 0;
}

static bool isCut(const Plane &plane, int64_t row, int64_t cols) {
  return plane.isFlat ? row * cols % plane.granule.cols != 0
                      : row % plane.granule.rows != 0;
}

static Status cut(const Plane &plane, int64_t row, int64_t cols) {
  std::string block = plane.isFlat
                          ? number(plane.granule.cols) +
                                " elements, each row of " + number(cols) + ","
                          : number(plane.granule.rows) + " rows";
  return invalid("expects parts that begin and end with blocks of " + block +
                 " in plane '" + plane.path + "', but got one at row " +
                 number(row));
}

/// The rows where what is read from one place ends, but for the last.
static std::vector<int64_t> bordersOf(const StoredRows &stored, int64_t rows) {
  std::vector<int64_t> borders;
  if (stored.matrices > 1)
    borders.push_back(stored.rowsOfEach);
  if (stored.run < rows) {
    borders.push_back(stored.run);
    borders.push_back(stored.stride);
  }
  return borders;
}

static Status checkPlane(const StoredRows &stored, const Plane &plane,
                         int64_t rows, int64_t cols) {
  if (isShared(plane)) {
    if (stored.matrices == 1)
      return Status::ok();
    return invalid("expects blocks of at most the " +
                   number(stored.rowsOfEach) +
                   " rows of each matrix, but got one of all rows in plane '" +
                   plane.path + "'");
  }
  std::vector<int64_t> borders = bordersOf(stored, rows);
  borders.push_back(stored.first);
  int64_t end = stored.first + rows; // of one run
  if (stored.run >= rows && end < stored.matrices * stored.rowsOfEach)
    borders.push_back(end);
  for (int64_t row : borders)
    if (isCut(plane, row, cols))
      return cut(plane, row, cols);
  return Status::ok();
}

Status numerics::checkStoredRows(const StoredRows &stored, const Format &format,
                                 int64_t rows, int64_t cols) {
  int64_t total = stored.matrices * stored.rowsOfEach;
  if (stored.run < 1 || stored.first < 0 || stored.stride < 0)
    return invalid("expects runs of rows from the first on, but got " +
                   number(stored.run) + " from row " + number(stored.first));
  int64_t last = stored.first + (rows - 1) / stored.run * stored.stride +
                 (rows - 1) % stored.run;
  if (last >= total)
    return invalid("expects at least " + number(last + 1) +
                   " stored rows, but got " + number(total));
  for (const Plane &plane : planesOf(format))
    if (Status status = checkPlane(stored, plane, rows, cols); !status)
      return status;
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// Reads runs of stored rows and puts their codes behind one another.
class RowReader {
public:
  /// No row from `last` on will be read.
  RowReader(const Layout &layout, const Format &format,
            const StoredRows &stored, int64_t cols, int64_t last,
            const SegmentsOf &segmentsOf)
      : layout(layout), format(format), planes(planesOf(format)),
        stored(stored), cols(cols), last(last), segmentsOf(segmentsOf) {}

  /// Appends rows [begin, end) of what is stored, which lie in one matrix.
  Status append(int64_t begin, int64_t end);

  CodedTensor result;

private:
  Status load(int64_t matrix, int64_t begin, int64_t end);
  void appendPlane(const Plane &plane, int64_t begin, int64_t end);

  const Layout &layout;
  const Format &format;
  std::vector<Plane> planes; ///< of the format
  const StoredRows &stored;
  int64_t cols;
  int64_t last;
  const SegmentsOf &segmentsOf;
  CodedTensor loaded; ///< rows [loadedBegin, loadedEnd) of a matrix
  int64_t loadedMatrix = -1;
  int64_t loadedBegin = 0;
  int64_t loadedEnd = 0;
};
} // namespace

/// Has at least rows [begin, end) of a matrix, and all behind them that will be
/// asked for: runs are often short.
Status RowReader::load(int64_t matrix, int64_t begin, int64_t end) {
  if (matrix == loadedMatrix && begin >= loadedBegin && end <= loadedEnd)
    return Status::ok();
  int64_t rows = stored.rowsOfEach;
  int64_t grain = readGrain(format, rows);
  end = std::max(end, std::min(last - matrix * rows, rows));
  loadedBegin = begin / grain * grain;
  loadedEnd = std::min((end + grain - 1) / grain * grain, rows);
  Result<std::vector<Span<const uint8_t>>> segments = segmentsOf(matrix);
  if (!segments)
    return segments.status();
  Result<CodedTensor> codes = unpackSegments(layout, format, rows, cols,
                                             loadedBegin, loadedEnd, *segments);
  if (!codes)
    return codes.status();
  loaded = std::move(*codes);
  loadedMatrix = matrix;
  return Status::ok();
}

/// Rows of the matrix that is loaded.
void RowReader::appendPlane(const Plane &plane, int64_t begin, int64_t end) {
  const PlaneCodes &from = loaded.planes.at(plane.path);
  PlaneCodes &to = result.planes[plane.path];
  if (isShared(plane)) {
    to = from;
    return;
  }
  int64_t before = granuleBefore(plane, loadedBegin, cols);
  int64_t first = granuleBefore(plane, begin, cols) - before;
  int64_t count = granuleBefore(plane, end, cols) - before - first +
                  isCut(plane, end, cols); // only at the end of all rows
  int64_t width = plane.isFlat ? 1 : from.cols;
  auto codes = from.codes.begin() + first * width;
  to.codes.insert(to.codes.end(), codes, codes + count * width);
  to.rows = plane.isFlat ? 1 : to.rows + count;
  to.cols = plane.isFlat ? to.cols + count : from.cols;
}

Status RowReader::append(int64_t begin, int64_t end) {
  int64_t matrix = begin / stored.rowsOfEach;
  int64_t before = matrix * stored.rowsOfEach;
  if (Status status = load(matrix, begin - before, end - before); !status)
    return status;
  for (const Plane &plane : planes)
    appendPlane(plane, begin - before, end - before);
  result.rows += end - begin;
  return Status::ok();
}

Result<CodedTensor> numerics::unpackStoredRows(const Layout &layout,
                                               const Format &format,
                                               const StoredRows &stored,
                                               int64_t rows, int64_t cols,
                                               int64_t rowBegin, int64_t rowEnd,
                                               const SegmentsOf &segmentsOf) {
  if (rowBegin < 0 || rowBegin >= rowEnd || rowEnd > rows)
    return invalid("expects rows of the " + number(rows) + ", but got " +
                   number(rowBegin) + " to " + number(rowEnd));
  auto placeOf = [&](int64_t row) {
    return stored.first + row / stored.run * stored.stride + row % stored.run;
  };
  RowReader reader(layout, format, stored, cols, placeOf(rowEnd - 1) + 1,
                   segmentsOf);
  reader.result.cols = cols;
  for (int64_t row = rowBegin; row < rowEnd;) {
    int64_t place = placeOf(row);
    int64_t count = std::min({rowEnd - row, stored.run - row % stored.run,
                              stored.rowsOfEach - place % stored.rowsOfEach});
    if (Status status = reader.append(place, place + count); !status)
      return status;
    row += count;
  }
  return std::move(reader.result);
}
