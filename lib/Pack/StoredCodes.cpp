// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The codes that a container holds, rows at a time.

#include "StoredCodes.h"
#include "Message.h"
#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Numerics/Columns.h"
#include "quern/Numerics/EncodeTensor.h"
#include "quern/Support/Text.h"
#include <algorithm>
#include <cstring>

using namespace quern;
using namespace quern::pack;

/// The bytes of a number in a file: binary32, little endian.
static std::shared_ptr<const std::vector<uint8_t>>
numberBytes(param::SplatAttr splat) {
  auto value = float(splat.getValue().getValueAsDouble());
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  std::vector<uint8_t> bytes;
  for (unsigned i = 0; i < 4; ++i)
    bytes.push_back(uint8_t(bits >> (8 * i)));
  return std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
}

/// Finds a tensor, which must have so many bytes.
Result<Span<const uint8_t>> StoredCodes::bytesOf(mlir::Attribute tensor,
                                                 int64_t bytes) {
  if (auto splat = llvm::dyn_cast<param::SplatAttr>(tensor)) {
    if (bytes != 4)
      return mismatch("4 bytes for a number", std::to_string(bytes));
    constants.push_back(numberBytes(splat));
    return Span<const uint8_t>(*constants.back());
  }
  auto external = llvm::cast<param::ExternalAttr>(tensor);
  auto found = source->get(external.getKey().str());
  if (!found)
    return found.status();
  if (int64_t((*found)->bytes.size()) != bytes)
    return weights::inTensor(
        **found, mismatch(std::to_string(bytes) + " bytes for a weight of [" +
                              std::to_string(rows.rowsOfEach) + ", " +
                              std::to_string(shape.cols) + "]",
                          std::to_string((*found)->bytes.size())));
  tensors.push_back(*found);
  return (*found)->bytes;
}

/// Finds the tensors of one of the matrices.
Status StoredCodes::addTensors(int64_t matrix) {
  const numerics::Layout &layout = stored.getStoredLayout();
  std::vector<Span<const uint8_t>> &found = segments.emplace_back();
  for (mlir::Attribute tensor : stored.getTensors()) {
    int64_t bytes = 4 * shape.cols; // of groups
    if (found.size() < layout.segments.size())
      bytes = numerics::segmentBytes(layout, found.size(), rows.rowsOfEach,
                                     shape.cols);
    auto segment = bytesOf(stored.getTensorOf(tensor, matrix), bytes);
    if (!segment)
      return segment.status();
    found.push_back(*segment);
  }
  return Status::ok();
}

/// The last tensor is the groups of columns.
Status StoredCodes::readOrder() {
  auto order = numerics::orderByGroup(segments.front().back(), shape.cols,
                                      matrixFormat.block.cols);
  if (!order)
    return weights::inTensor(*tensors.back(), order.status());
  columns = std::move(*order);
  segments.front().pop_back();
  return Status::ok();
}

Result<StoredCodes> StoredCodes::open(qk::StoredAttr stored, MatrixShape shape,
                                      const weights::WeightSource &source) {
  StoredCodes codes;
  codes.stored = stored;
  codes.matrixFormat = stored.getMatrixFormat();
  codes.shape = shape;
  codes.source = &source;
  codes.rows = stored.getStoredRows(shape.rows);
  Status status =
      numerics::checkLayout(stored.getStoredLayout(), codes.matrixFormat,
                            codes.rows.rowsOfEach, shape.cols);
  if (status)
    status = numerics::checkStoredRows(codes.rows, codes.matrixFormat,
                                       shape.rows, shape.cols);
  if (!status)
    return status.withContext("layout of " + inQuotes(stored.getFirstKey()));
  for (int64_t matrix = 0; matrix < codes.rows.matrices; ++matrix)
    if (Status added = codes.addTensors(matrix); !added)
      return added;
  if (codes.tensors.empty())
    return mismatch("a tensor in a file", "numbers alone");
  if (stored.hasOrder())
    if (Status read = codes.readOrder(); !read)
      return read;
  return codes;
}

int64_t StoredCodes::rowGrain() const {
  return numerics::readGrain(matrixFormat, shape.rows);
}

Result<numerics::CodedTensor> StoredCodes::read(int64_t rowBegin,
                                                int64_t rowEnd) const {
  using Segments = std::vector<Span<const uint8_t>>;
  auto coded = numerics::unpackStoredRows(
      stored.getStoredLayout(), matrixFormat, rows, shape.rows, shape.cols,
      rowBegin, rowEnd, [&](int64_t matrix) -> Result<Segments> {
        return segments[size_t(matrix)];
      });
  Status status = coded ? numerics::checkFinite(matrixFormat, *coded, rowBegin)
                        : coded.status();
  if (!status)
    return weights::inTensor(*tensors.front(), status);
  if (!columns.empty())
    numerics::takeColumns(coded->planes["code"], columns);
  return coded;
}

Status StoredCodes::readAsFloat(int64_t rowBegin, int64_t rowEnd, bool isMatrix,
                                Span<float> out) const {
  int64_t grain = rowGrain();
  int64_t first = rowBegin / grain * grain;
  int64_t last = std::min(shape.rows, (rowEnd + grain - 1) / grain * grain);
  auto coded = read(first, last);
  if (!coded)
    return coded.status();
  std::vector<float> values = numerics::decodeRows(matrixFormat, *coded);
  if (!columns.empty() && !isMatrix)
    numerics::applyColumns(stored.getStoredFormat(), {{columns, {}}}, {{}},
                           last - first, values);
  auto begin = values.begin() + (rowBegin - first) * shape.cols;
  std::copy(begin, begin + (rowEnd - rowBegin) * shape.cols, out.begin());
  return Status::ok();
}

void StoredCodes::release() const {
  for (const weights::TensorInfo *tensor : tensors)
    source->release(*tensor);
}
