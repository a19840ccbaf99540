// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Everything that can reject an attribute or operation of qk, but for the
// kernel.

#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Dialect/QK/IR/QKOps.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Numerics/Transcode.h"

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

LogicalResult RowsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t of, int64_t matrices, int64_t first,
                               int64_t run, int64_t stride) {
  // The bound keeps every product of two of them far from overflow.
  constexpr int64_t most = int64_t(1) << 30;
  auto isSane = [&](int64_t number, int64_t least) {
    return number >= least && number <= most;
  };
  if (!isSane(of, 1) || !isSane(matrices, 1) || !isSane(first, 0) ||
      !isSane(run, 0) || !isSane(stride, 0))
    return emitError() << "expects matrices of 1 row and more, a first row, a "
                          "run and a stride from 0, each up to "
                       << most << ", but got " << matrices << " of " << of
                       << ", " << first << ", " << run << " and " << stride;
  return success();
}

/// Tensors of several matrices have their number in place of a star.
static LogicalResult
verifyMatrices(function_ref<InFlightDiagnostic()> emitError,
               ArrayRef<Attribute> tensors, bool isOrdered) {
  if (isOrdered) // stored_c5
    return emitError() << "expects no order of columns in several matrices, "
                          "but got one";
  for (Attribute tensor : tensors)
    if (auto external = dyn_cast<param::ExternalAttr>(tensor))
      if (external.getKey().getValue().count('*') != 1)
        return emitError() << "expects keys with one star where matrices have "
                              "their number, but got "
                           << external.getKey();
  return success();
}

LogicalResult StoredAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<Attribute> tensors,
                                 qt::FormatAttr format, LayoutAttr layout,
                                 RowsAttr rows) {
  // stored_c4
  const std::vector<numerics::ColumnTransform> &columns =
      format.getFormat().columns;
  bool isOrdered = columns.size() == 1 &&
                   columns[0].kind == numerics::ColumnKind::Ordered &&
                   format.getFormat().block.rows == 1;
  if (!columns.empty() && !isOrdered)
    return emitError() << "expects no column transforms but one 'ordered', of "
                          "blocks of one row, but got "
                       << format.getText();
  // stored_c1
  for (Attribute tensor : tensors) {
    auto splat = dyn_cast<param::SplatAttr>(tensor);
    if (!isa<param::ExternalAttr>(tensor) &&
        !(splat && splat.getValue().getType().isF32()))
      return emitError() << "expects tensors such as #param.external<...> or "
                            "#param.splat<1.0 : f32>, but got "
                         << tensor;
  }
  size_t segments = layout.getLayout().segments.size();
  if (tensors.size() != segments + isOrdered)
    return emitError() << "expects a tensor for each of the " << segments
                       << " segments of the layout"
                       << (isOrdered ? " and one of groups" : "")
                       << ", but got " << tensors.size();
  if (rows && rows.getMatrices() > 1)
    return verifyMatrices(emitError, tensors, isOrdered);
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
  numerics::StoredRows stored = getStoredRows(rows);
  Status status = numerics::checkLayout(getStoredLayout(), getMatrixFormat(),
                                        stored.rowsOfEach, shape.back());
  if (status)
    status = numerics::checkShape(getStoredFormat(), rows, shape.back());
  // stored_c5
  if (status)
    status = numerics::checkStoredRows(stored, getMatrixFormat(), rows,
                                       shape.back());
  if (!status)
    return emitError() << "#qk.stored: " << status.message();
  // stored_c3
  qt::FormatAttr format = qt::getFormatAttr(type);
  if (!format || format == getFormat())
    return success();
  numerics::Transcoding transcoding =
      numerics::classifyTranscoding(getStoredFormat(), format.getFormat());
  if (!transcoding.isExact())
    return emitError() << "expects a type of the format that #qk.stored holds, "
                       << getFormat().getText()
                       << ", or of one that has codes for all of its numbers, "
                          "but got "
                       << format.getText() << " (" << transcoding.text() << ")";
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
