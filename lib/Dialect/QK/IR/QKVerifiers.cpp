// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Everything that can reject an attribute or operation of qk, but for the
// kernel.

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
