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

/// Vectors and tables of positions are converted once, here, rather than by
/// every kernel that reads them.
static void makeF32(param::GlobalOp global) {
  mlir::RankedTensorType type = global.getTensorType();
  global.setType(mlir::RankedTensorType::get(
      type.getShape(), mlir::Float32Type::get(global.getContext())));
}

namespace {
/// Weights that kernels read as they lie, by name.
struct DenseWeights {
  explicit DenseWeights(mlir::ModuleOp module);

  /// One row of codes: numbers of columns, and scales of them.
  llvm::DenseSet<mlir::StringAttr> rows;
  /// Rows of f32, one a position.
  llvm::DenseSet<mlir::StringAttr> positions;
};
} // namespace

DenseWeights::DenseWeights(mlir::ModuleOp module) {
  auto add = [](llvm::DenseSet<mlir::StringAttr> &names, mlir::Value weight) {
    if (auto load = weight.getDefiningOp<param::LoadOp>())
      names.insert(load.getGlobalAttr().getAttr());
  };
  module.walk([&](nn::GatherColumnsOp op) { add(rows, op.getColumns()); });
  module.walk([&](nn::ScaleColumnsOp op) { add(rows, op.getScales()); });
  module.walk([&](nn::AddPositionsOp op) { add(positions, op.getTable()); });
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

static Status assignLayout(param::GlobalOp global, const DenseWeights &dense,
                           bool isDense) {
  bool isPositions = dense.positions.contains(global.getSymNameAttr());
  isDense |= isPositions || dense.rows.contains(global.getSymNameAttr());
  if (!global.getLayoutAttr()) {
    if (global.getTensorType().getRank() == 1 || isPositions)
      makeF32(global);
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
    DenseWeights dense(module);
    for (auto global : module.getOps<param::GlobalOp>()) {
      Status status = assignLayout(global, dense, target == "dense");
      if (!status) {
        global.emitOpError() << status.message();
        return signalPassFailure();
      }
    }
    param::updateLoadTypes(module);
  }
};
} // namespace
