// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From the operations of a model to plain operators: all but attention.

#include "Lowering.h"

#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Support/Text.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace quern;
using namespace quern::exporter;

/// What exporters of other projects call a node of a model that has this name
/// in its checkpoint: /model/layers.0/mlp/up_proj.
static std::string pathOf(mlir::Operation &op) {
  auto name = llvm::dyn_cast<mlir::NameLoc>(op.getLoc());
  if (!name)
    return "";
  std::string path;
  for (llvm::StringRef part : llvm::split(name.getName().getValue(), '.')) {
    bool isNumber = !part.empty() && llvm::all_of(part, llvm::isDigit);
    path += (isNumber ? "." : "/") + part.str();
  }
  return path;
}

std::string ModelLowering::weightName(mlir::Value weight) const {
  return weight.getDefiningOp<param::LoadOp>().getGlobal().str();
}

static int64_t widthOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getShape().back();
}

std::string ModelLowering::lower(nn::EmbeddingOp op) {
  return reader.rows(weightName(op.getTable()), (*this)[op.getTokens()]);
}

std::string ModelLowering::lower(nn::AddPositionsOp op) {
  std::string entries = reader.rows(weightName(op.getTable()), "position_ids");
  return graph.add((*this)[op.getInput()], entries);
}

std::string ModelLowering::lower(nn::RMSNormOp op) {
  std::string x = (*this)[op.getInput()];
  int64_t width = widthOf(op.getInput());
  int64_t group = op.getGroup().value_or(width);
  if (group != width)
    x = graph.reshape(x, {0, 0, width / group, group});
  std::string squares = graph.multiply(x, x);
  std::string mean = graph.mean(squares);
  mean = graph.add(mean, graph.number(op.getEps().convertToFloat()));
  std::string result =
      graph.divide(x, graph.elementwise(Elementwise::Sqrt, mean));
  std::string weight = reader.vector(weightName(op.getWeight()));
  if (op.getUnitOffset())
    weight = graph.add(weight, graph.number(1.0f));
  result = graph.multiply(result, weight);
  return group == width ? result : graph.reshape(result, {0, 0, width});
}

std::string ModelLowering::lower(nn::LayerNormOp op) {
  std::string weight = reader.vector(weightName(op.getWeight())), bias;
  if (op.getBias())
    bias = reader.vector(weightName(op.getBias()));
  return graph.layerNorm((*this)[op.getInput()], weight, bias,
                         op.getEps().convertToFloat());
}

std::string ModelLowering::lower(nn::LinearOp op) {
  std::string result =
      reader.product(weightName(op.getWeight()), (*this)[op.getInput()]);
  if (!op.getBias())
    return result;
  return graph.add(result, reader.vector(weightName(op.getBias())));
}

std::string ModelLowering::lower(nn::AddOp op) {
  return graph.add((*this)[op.getLhs()], (*this)[op.getRhs()]);
}

std::string ModelLowering::activated(nn::Activation activation,
                                     const std::string &x) {
  switch (activation) {
  case nn::Activation::SiLU:
    return graph.multiply(x, graph.elementwise(Elementwise::Sigmoid, x));
  case nn::Activation::GELU:
    return graph.elementwise(Elementwise::Gelu, x);
  case nn::Activation::GELUTanh:
    return graph.elementwise(Elementwise::GeluTanh, x);
  }
  llvm_unreachable("all activations have a case");
}

std::string ModelLowering::lower(nn::GatedActivationOp op) {
  std::string gate = activated(op.getActivation(), (*this)[op.getGate()]);
  return graph.multiply(gate, (*this)[op.getUp()]);
}

std::string ModelLowering::lower(nn::ActivationOp op) {
  return activated(op.getActivation(), (*this)[op.getInput()]);
}

std::string ModelLowering::lower(nn::ScaleOp op) {
  return graph.multiply((*this)[op.getInput()],
                        graph.number(op.getFactor().convertToFloat()));
}

std::string ModelLowering::lower(nn::SoftcapOp op) {
  std::string cap = graph.number(op.getCap().convertToFloat());
  std::string part = graph.divide((*this)[op.getInput()], cap);
  return graph.multiply(graph.elementwise(Elementwise::Tanh, part), cap);
}

Status ModelLowering::lower(mlir::Operation &op) {
  graph.enter(pathOf(op));
  bool isKnown = true;
  llvm::TypeSwitch<mlir::Operation *>(&op)
      .Case<param::LoadOp>([](auto) {})
      .Case<nn::KVAppendOp>([&](nn::KVAppendOp append) { lower(append); })
      // The logits of all tokens are asked for.
      .Case<nn::LastRowsOp>([&](nn::LastRowsOp rows) {
        values[rows.getResult()] = (*this)[rows.getInput()];
      })
      .Case<mlir::func::ReturnOp>(
          [&](mlir::func::ReturnOp end) { addOutputs(end.getOperand(0)); })
      .Case<nn::LinearOp>([&](nn::LinearOp linear) {
        isKnown = !linear.getRouting();
        if (isKnown)
          values[linear.getResult()] = lower(linear);
      })
      .Case<nn::EmbeddingOp, nn::RMSNormOp, nn::LayerNormOp, nn::AddOp,
            nn::GatedActivationOp, nn::ActivationOp, nn::ScaleOp, nn::SoftcapOp,
            nn::AddPositionsOp, nn::RopeOp, nn::AttentionOp>(
          [&](auto known) { values[known.getResult()] = lower(known); })
      .Default([&](mlir::Operation *) { isKnown = false; });
  if (isKnown)
    return Status::ok();
  std::string path = pathOf(op);
  return Status::error(StatusCode::Unsupported,
                       (path.empty() ? "" : path + ": ") +
                           "expects operations that are written as " +
                           graph.title() + ", but got " +
                           inQuotes(op.getName().getStringRef().str()) +
                           "; models with experts have none yet");
}

Status ModelLowering::run(mlir::func::FuncOp function) {
  mlir::Block &body = function.getBody().front();
  for (mlir::BlockArgument argument : body.getArguments())
    if (auto type = llvm::dyn_cast<nn::KVCacheType>(argument.getType()))
      cache = type;
  if (!cache)
    return Status::error(StatusCode::Unsupported,
                         "expects a decoder with a cache of keys and values, "
                         "but got another model");
  values[body.getArgument(0)] = "input_ids";
  addInputs(cache);
  addPositions();
  for (mlir::Operation &op : body)
    if (Status status = lower(op); !status)
      return status;
  return Status::ok();
}

Status ModelLowering::run(mlir::ModuleOp module) {
  auto function = module.lookupSymbol<mlir::func::FuncOp>("forward");
  if (!function)
    return Status::error(StatusCode::Unsupported,
                         "expects a module with a function 'forward', but got "
                         "none");
  return run(function);
}
