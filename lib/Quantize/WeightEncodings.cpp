// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What passes that give weights their formats share.

#include "WeightEncodings.h"
#include "mlir/IR/SymbolTable.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"

using namespace quern;
using namespace quern::quantize;

WeightMap quantize::collectWeights(mlir::ModuleOp module) {
  mlir::SymbolTable symbols(module);
  llvm::DenseMap<mlir::Operation *, WeightUses> uses;
  auto add = [&](mlir::Value weight, bool WeightUses::*use) {
    if (auto load = weight.getDefiningOp<param::LoadOp>())
      uses[symbols.lookup(load.getGlobal())].*use = true;
  };
  module.walk([&](nn::LinearOp op) {
    add(op.getWeight(), &WeightUses::byLinear);
    if (llvm::any_of(op->getUsers(), llvm::IsaPred<nn::RouteOp>))
      add(op.getWeight(), &WeightUses::byRouter);
  });
  module.walk([&](nn::EmbeddingOp op) {
    add(op.getTable(), &WeightUses::byEmbedding);
  });
  WeightMap weights;
  for (auto global : module.getOps<param::GlobalOp>())
    if (auto found = uses.find(global); found != uses.end())
      weights[global] = found->second;
  return weights;
}

void quantize::encodeAs(param::GlobalOp global, const numerics::Format &format,
                        llvm::StringRef solver) {
  mlir::MLIRContext *context = global.getContext();
  mlir::RankedTensorType type = global.getTensorType();
  mlir::Type element = type.getElementType();
  if (qt::isPlain(format, element)) {
    global.setType(mlir::RankedTensorType::get(type.getShape(), element));
    return;
  }
  mlir::Type from =
      type.getEncoding() ? mlir::Float32Type::get(context) : element;
  global.setType(mlir::RankedTensorType::get(
      type.getShape(), element, qt::FormatAttr::get(context, format)));
  global.setValueAttr(
      qt::EncodeAttr::get(context, global.getValue(), from,
                          mlir::StringAttr::get(context, solver)));
}

mlir::LogicalResult
quantize::checkRulesUsed(mlir::ModuleOp module,
                         const std::vector<EncodingRule> &rules,
                         const std::vector<bool> &isUsed) {
  for (size_t i = 0; i < rules.size(); ++i)
    if (!isUsed[i])
      return mlir::emitError(module.getLoc())
             << "rule '" << rules[i].text
             << "': expects to match a weight of an nn.linear or "
                "nn.embedding, but got no match";
  return mlir::success();
}
