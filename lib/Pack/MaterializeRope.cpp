// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file pack-materialize-rope: a table for every set of rope frequencies.

#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"
#include "quern/Dialect/NN/IR/NNDialect.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamDialect.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Pack/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace quern::pack {
#define GEN_PASS_DEF_MATERIALIZEROPEPASS
#include "quern/Pack/Passes.h.inc"
} // namespace quern::pack

using namespace quern;

/// Positions that the model provides for, or 0 if the module does not say.
static int64_t contextOf(mlir::ModuleOp module) {
  auto model = module->getAttrOfType<mlir::DictionaryAttr>("nn.model");
  auto context =
      model ? model.getAs<mlir::IntegerAttr>("context") : mlir::IntegerAttr();
  return context ? context.getInt() : 0;
}

namespace {
struct MaterializeRope
    : public pack::impl::MaterializeRopePassBase<MaterializeRope> {
  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    using Rotation = std::pair<mlir::Attribute, mlir::Attribute>;
    llvm::SmallSetVector<Rotation, 2> distinct;
    module.walk([&](nn::RopeOp rope) {
      distinct.insert(
          {rope.getInverseFrequenciesAttr(), rope.getMagnitudeAttr()});
    });
    for (auto global : module.getOps<param::GlobalOp>())
      if (auto table = llvm::dyn_cast<nn::RopeTableAttr>(global.getValue()))
        distinct.remove({table.getInverseFrequencies(), table.getMagnitude()});
    if (distinct.empty())
      return;
    int64_t positions = contextOf(module);
    if (positions < 1) {
      module.emitError() << "expects nn.model with a positive context for the "
                            "rope table, but got "
                         << positions;
      return signalPassFailure();
    }
    mlir::OpBuilder builder(&getContext());
    mlir::SymbolTable symbols(module);
    for (auto [attribute, magnitude] : distinct) {
      auto frequencies = llvm::cast<mlir::DenseF32ArrayAttr>(attribute);
      auto type = mlir::RankedTensorType::get(
          {positions, int64_t(frequencies.size()) * 2}, builder.getF32Type());
      auto table = nn::RopeTableAttr::get(
          &getContext(), positions, frequencies,
          llvm::cast_if_present<mlir::FloatAttr>(magnitude));
      auto global = param::GlobalOp::create(
          builder, module.getLoc(), builder.getStringAttr("rope.table"),
          mlir::TypeAttr::get(type), /*layout=*/nullptr, table,
          /*sym_visibility=*/nullptr);
      symbols.insert(global, module.getBody()->begin());
    }
  }
};
} // namespace
