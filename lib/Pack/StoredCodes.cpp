// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The codes that a container holds, rows at a time.

#include "StoredCodes.h"
#include "Message.h"
#include "quern/Numerics/EncodeTensor.h"
#include "quern/Support/Text.h"
#include <algorithm>

using namespace quern;
using namespace quern::pack;

Result<StoredCodes> StoredCodes::open(qk::StoredAttr stored, MatrixShape shape,
                                      const weights::WeightSource &source) {
  StoredCodes codes;
  codes.stored = stored;
  codes.shape = shape;
  codes.source = &source;
  const numerics::Layout &layout = stored.getStoredLayout();
  int64_t rows = stored.getStoredRows(shape.rows);
  if (Status status = numerics::checkLayout(layout, stored.getStoredFormat(),
                                            rows, shape.cols);
      !status)
    return status.withContext("layout of " + inQuotes(stored.getKeys()[0]));
  for (const std::string &key : stored.getKeys()) {
    auto found = source.get(key);
    if (!found)
      return found.status();
    int64_t expected =
        numerics::segmentBytes(layout, codes.tensors.size(), rows, shape.cols);
    if (int64_t((*found)->bytes.size()) != expected)
      return weights::inTensor(
          **found,
          mismatch(std::to_string(expected) + " bytes for a weight of [" +
                       std::to_string(rows) + ", " +
                       std::to_string(shape.cols) + "]",
                   std::to_string((*found)->bytes.size())));
    codes.tensors.push_back(*found);
    codes.segments.push_back((*found)->bytes);
  }
  return codes;
}

int64_t StoredCodes::rowGrain() const {
  return numerics::rowGrain(stored.getStoredLayout(), stored.getStoredFormat(),
                            stored.getStoredRows(shape.rows));
}

Result<numerics::CodedTensor> StoredCodes::read(int64_t rowBegin,
                                                int64_t rowEnd) const {
  const numerics::Format &format = stored.getStoredFormat();
  int64_t first = stored.getFirstRow();
  auto coded = numerics::unpackSegments(
      stored.getStoredLayout(), format, stored.getStoredRows(shape.rows),
      shape.cols, first + rowBegin, first + rowEnd, segments);
  if (!coded)
    return coded;
  // Rows are counted as in the tensor, which the message names.
  if (Status status = numerics::checkFinite(format, *coded, first + rowBegin);
      !status)
    return weights::inTensor(*tensors.front(), status);
  return coded;
}

Status StoredCodes::readAsFloat(int64_t rowBegin, int64_t rowEnd,
                                Span<float> out) const {
  int64_t grain = rowGrain();
  int64_t first = rowBegin / grain * grain;
  int64_t last = std::min(shape.rows, (rowEnd + grain - 1) / grain * grain);
  auto coded = read(first, last);
  if (!coded)
    return coded.status();
  std::vector<float> values =
      numerics::decodeRows(stored.getStoredFormat(), *coded);
  auto begin = values.begin() + (rowBegin - first) * shape.cols;
  std::copy(begin, begin + (rowEnd - rowBegin) * shape.cols, out.begin());
  return Status::ok();
}

void StoredCodes::release() const {
  for (const weights::TensorInfo *tensor : tensors)
    source->release(*tensor);
}
