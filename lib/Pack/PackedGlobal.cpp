// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What a `param.global` says about the format and layout of a weight.

#include "PackedGlobal.h"
#include "Message.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"

using namespace quern;
using namespace quern::pack;

Result<MatrixShape> pack::matrixShapeOf(mlir::RankedTensorType type) {
  llvm::ArrayRef<int64_t> shape = type.getShape();
  if (shape.size() == 1)
    return MatrixShape{1, shape[0]};
  if (shape.size() == 2)
    return MatrixShape{shape[0], shape[1]};
  return mismatch("a weight of 1 or 2 dimensions",
                  std::to_string(shape.size()));
}

Result<PackedGlobal> pack::packedGlobalOf(param::GlobalOp global) {
  mlir::Attribute attribute = global.getLayoutAttr();
  auto layout = llvm::dyn_cast_or_null<qk::LayoutAttr>(attribute);
  if (!layout)
    return mismatch("a layout #qk.layout",
                    attribute ? textOf(attribute) : "none");
  Result<MatrixShape> shape = matrixShapeOf(global.getTensorType());
  if (!shape)
    return shape.status();
  Result<numerics::Format> format = qt::formatOf(global.getTensorType());
  if (!format)
    return format.status();
  if (Status status = numerics::checkLayout(layout.getLayout(), *format,
                                            shape->rows, shape->cols);
      !status)
    return status.withContext("layout");
  return PackedGlobal{global, *shape, *format, layout.getLayout()};
}
