// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Everything that can reject an attribute or operation of qk, but for the
// kernel.

#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Dialect/QK/IR/QKOps.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"

using namespace mlir;
using namespace quern;
using namespace quern::qk;

LogicalResult TileAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               StringAttr isa, StringAttr compute, int64_t rows,
                               int64_t columns) {
  if (isa.empty() || compute.empty())
    return emitError() << "expects an isa and a compute type that are not "
                          "empty, but got "
                       << isa << " and " << compute;
  if (rows <= 0 || columns <= 0)
    return emitError() << "expects positive rows and columns, but got " << rows
                       << " and " << columns;
  return success();
}

LogicalResult StoredAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<Attribute> tensors, qt::FormatAttr,
                                 LayoutAttr layout, ArrayRef<int64_t> rows) {
  // stored_c1
  for (Attribute tensor : tensors)
    if (!isa<param::ExternalAttr>(tensor))
      return emitError() << "expects tensors such as #param.external<...>, but "
                            "got "
                         << tensor;
  size_t segments = layout.getLayout().segments.size();
  if (tensors.size() != segments)
    return emitError() << "expects a tensor for each of the " << segments
                       << " segments of the layout, but got " << tensors.size();
  // stored_c4; the bound keeps products of rows and columns in 64 bits
  constexpr int64_t most = int64_t(1) << 40;
  if (!rows.empty() &&
      (rows.size() != 2 || rows[0] < 0 || rows[0] >= rows[1] || rows[1] > most))
    return emitError() << "expects as rows the first and the number of all, "
                          "which is more and at most "
                       << most << ", but got [" << rows << "]";
  return success();
}

/// Fails unless `stored` has so many rows from its first on, and they can be
/// read alone.
static LogicalResult verifyRows(StoredAttr stored, int64_t rows,
                                function_ref<InFlightDiagnostic()> emitError) {
  int64_t first = stored.getFirstRow(), whole = stored.getStoredRows(rows);
  if (whole - first < rows)
    return emitError() << "expects " << rows << " rows from row " << first
                       << " on, but #qk.stored holds " << whole;
  int64_t grain = numerics::rowGrain(stored.getStoredLayout(),
                                     stored.getStoredFormat(), whole);
  if (first % grain || (rows % grain && first + rows != whole))
    return emitError() << "expects rows in multiples of " << grain
                       << ", which #qk.stored can be read in, but got " << rows
                       << " from row " << first << " on";
  return success();
}

LogicalResult StoredAttr::verifyInitialValue(
    RankedTensorType type, function_ref<InFlightDiagnostic()> emitError) const {
  // stored_c2
  ArrayRef<int64_t> shape = type.getShape();
  if (shape.empty() || shape.size() > 2)
    return emitError() << "expects a type of 1 or 2 dimensions beside "
                          "#qk.stored, but got "
                       << type;
  int64_t rows = shape.size() == 2 ? shape[0] : 1;
  Status status = numerics::checkLayout(getStoredLayout(), getStoredFormat(),
                                        getStoredRows(rows), shape.back());
  if (!status)
    return emitError() << "#qk.stored: " << status.message();
  // stored_c4
  if (!getRows().empty() && failed(verifyRows(*this, rows, emitError)))
    return failure();
  // stored_c3
  qt::FormatAttr format = qt::getFormatAttr(type);
  if (format && format != getFormat() && !getStoredFormat().isFlat)
    return emitError() << "expects a type of the format that #qk.stored holds, "
                       << getFormat().getText() << ", but got "
                       << format.getText();
  return success();
}

//===----------------------------------------------------------------------===//
// Pack and unpack
//===----------------------------------------------------------------------===//

/// Verifies that `layout` puts `tensor` into `bytes`.
static LogicalResult verifyPacking(Operation *op, RankedTensorType tensor,
                                   LayoutAttr layout, RankedTensorType bytes) {
  // pack_c1, unpack_c1: the format is in the type constraint
  if (!tensor.hasStaticShape())
    return op->emitOpError()
           << "expects a tensor of static shape, but got " << tensor;
  int64_t rows = tensor.getDimSize(0);
  int64_t cols = tensor.getDimSize(1);
  // pack_c2, unpack_c2
  Status status = numerics::checkLayout(
      layout.getLayout(), qt::getFormatAttr(tensor).getFormat(), rows, cols);
  if (!status)
    return op->emitOpError() << status.message();
  // pack_c3, unpack_c3
  int64_t size = numerics::layoutBytes(layout.getLayout(), rows, cols);
  if (bytes.getDimSize(0) != size)
    return op->emitOpError()
           << "expects " << size << " bytes, but got " << bytes.getDimSize(0);
  return success();
}

LogicalResult PackOp::verify() {
  return verifyPacking(*this, getInput().getType(), getLayout(),
                       getBytes().getType());
}

LogicalResult UnpackOp::verify() {
  return verifyPacking(*this, getType(), getLayout(), getBytes().getType());
}
