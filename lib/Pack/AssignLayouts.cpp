// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file pack-assign-layouts: choose where the bits of each weight lie.

#include "Message.h"
#include "PackedGlobal.h"
#include "quern/Dialect/NN/IR/NNAttrs.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamUtils.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QK/IR/QKDialect.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Pack/Passes.h"

namespace quern::pack {
#define GEN_PASS_DEF_ASSIGNLAYOUTSPASS
#include "quern/Pack/Passes.h.inc"
} // namespace quern::pack

using namespace quern;
using namespace quern::pack;

/// Vectors are converted once, here, rather than by every kernel that reads
/// them.
static void makeVectorF32(param::GlobalOp global) {
  mlir::RankedTensorType type = global.getTensorType();
  global.setType(mlir::RankedTensorType::get(
      type.getShape(), mlir::Float32Type::get(global.getContext())));
}

/// The weights that kernels read as one row of codes: numbers of columns, and
/// scales of them.
static llvm::DenseSet<mlir::StringAttr> columnRows(mlir::ModuleOp module) {
  llvm::DenseSet<mlir::StringAttr> names;
  auto add = [&](mlir::Value row) {
    if (auto load = row.getDefiningOp<param::LoadOp>())
      names.insert(load.getGlobalAttr().getAttr());
  };
  module.walk([&](nn::GatherColumnsOp op) { add(op.getColumns()); });
  module.walk([&](nn::ScaleColumnsOp op) { add(op.getScales()); });
  return names;
}

static Result<numerics::Layout> chooseLayout(param::GlobalOp global,
                                             bool isDense) {
  Result<MatrixShape> shape = matrixShapeOf(global.getTensorType());
  if (!shape)
    return shape.status();
  Result<numerics::Format> format = qt::formatOf(global.getTensorType());
  if (!format)
    return format.status();
  if (!format->columns.empty())
    return mismatch("a format without column transforms; run "
                    "quantize-expand-column-transforms",
                    numerics::printFormat(*format));
  bool isVector = global.getTensorType().getRank() == 1;
  bool isTable = llvm::isa<nn::RopeTableAttr>(global.getValue());
  if (isDense || isVector || isTable)
    return numerics::makeDenseLayout(*format, shape->rows, shape->cols);
  if (format->isFlat)
    return mismatch("blocks within rows",
                    numerics::printFormat(*format) + "; run pack-align-blocks");
  return numerics::makeCpuPanelLayout(*format, shape->rows, shape->cols);
}

static Status assignLayout(param::GlobalOp global, bool isDense) {
  if (!global.getLayoutAttr()) {
    if (global.getTensorType().getRank() == 1)
      makeVectorF32(global);
    Result<numerics::Layout> layout = chooseLayout(global, isDense);
    if (!layout)
      return layout.status();
    global.setLayoutAttr(qk::LayoutAttr::get(global.getContext(), *layout));
  }
  return packedGlobalOf(global).status();
}

namespace {
struct AssignLayouts : public pack::impl::AssignLayoutsPassBase<AssignLayouts> {
  using AssignLayoutsPassBase::AssignLayoutsPassBase;

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    if (target != "cpu" && target != "dense") {
      module.emitError() << "expects target 'cpu' or 'dense', but got '"
                         << target << "'";
      return signalPassFailure();
    }
    llvm::DenseSet<mlir::StringAttr> rows = columnRows(module);
    for (auto global : module.getOps<param::GlobalOp>()) {
      bool isDense =
          target == "dense" || rows.contains(global.getSymNameAttr());
      if (Status status = assignLayout(global, isDense); !status) {
        global.emitOpError() << status.message();
        return signalPassFailure();
      }
    }
    param::updateLoadTypes(module);
  }
};
} // namespace
