// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From the operations of a model to nodes of ONNX: all but attention.

#include "Lowering.h"

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
  return graph.node("Add", {(*this)[op.getInput()], entries});
}

std::string ModelLowering::lower(nn::RMSNormOp op) {
  std::string x = (*this)[op.getInput()];
  int64_t width = widthOf(op.getInput());
  int64_t group = op.getGroup().value_or(width);
  if (group != width)
    x = graph.reshape(x, {0, 0, width / group, group});
  std::string squares = graph.node("Mul", {x, x});
  std::string mean = graph.node("ReduceMean", {squares, graph.integers({-1})});
  mean = graph.node("Add", {mean, graph.number(op.getEps().convertToFloat())});
  std::string result = graph.node("Div", {x, graph.node("Sqrt", {mean})});
  std::string weight = reader.vector(weightName(op.getWeight()));
  if (op.getUnitOffset())
    weight = graph.node("Add", {weight, graph.number(1.0f)});
  result = graph.node("Mul", {result, weight});
  return group == width ? result : graph.reshape(result, {0, 0, width});
}

std::string ModelLowering::lower(nn::LayerNormOp op) {
  GraphBuilder::Values inputs = {(*this)[op.getInput()],
                                 reader.vector(weightName(op.getWeight()))};
  if (op.getBias())
    inputs.push_back(reader.vector(weightName(op.getBias())));
  return graph.node(
      "LayerNormalization", inputs,
      {{"axis", int64_t(-1)}, {"epsilon", op.getEps().convertToFloat()}});
}

std::string ModelLowering::lower(nn::LinearOp op) {
  std::string result =
      reader.product(weightName(op.getWeight()), (*this)[op.getInput()]);
  if (!op.getBias())
    return result;
  return graph.node("Add", {result, reader.vector(weightName(op.getBias()))});
}

std::string ModelLowering::lower(nn::AddOp op) {
  return graph.node("Add", {(*this)[op.getLhs()], (*this)[op.getRhs()]});
}

std::string ModelLowering::activated(nn::Activation activation,
                                     const std::string &x) {
  switch (activation) {
  case nn::Activation::SiLU:
    return graph.node("Mul", {x, graph.node("Sigmoid", {x})});
  case nn::Activation::GELU:
    return graph.node("Gelu", {x});
  case nn::Activation::GELUTanh:
    return graph.node("Gelu", {x}, {{"approximate", "tanh"}});
  }
  llvm_unreachable("all activations have a case");
}

std::string ModelLowering::lower(nn::GatedActivationOp op) {
  std::string gate = activated(op.getActivation(), (*this)[op.getGate()]);
  return graph.node("Mul", {gate, (*this)[op.getUp()]});
}

std::string ModelLowering::lower(nn::ActivationOp op) {
  return activated(op.getActivation(), (*this)[op.getInput()]);
}

std::string ModelLowering::lower(nn::ScaleOp op) {
  return graph.node("Mul", {(*this)[op.getInput()],
                            graph.number(op.getFactor().convertToFloat())});
}

std::string ModelLowering::lower(nn::SoftcapOp op) {
  std::string cap = graph.number(op.getCap().convertToFloat());
  std::string part = graph.node("Div", {(*this)[op.getInput()], cap});
  return graph.node("Mul", {graph.node("Tanh", {part}), cap});
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
  return Status::error(
      StatusCode::Unsupported,
      (path.empty() ? "" : path + ": ") +
          "expects operations that are written as ONNX, but got " +
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

std::optional<OnnxWeights> exporter::onnxWeightsOf(const std::string &name) {
  if (name == "auto")
    return OnnxWeights::Auto;
  if (name == "qdq")
    return OnnxWeights::Qdq;
  if (name == "matmulnbits")
    return OnnxWeights::MatMulNBits;
  return std::nullopt;
}

std::string exporter::onnxWeightsNames() { return "auto, qdq, matmulnbits"; }

Result<OnnxPlan> exporter::planOnnx(mlir::ModuleOp module,
                                    OnnxWeights weights) {
  auto function = module.lookupSymbol<mlir::func::FuncOp>("forward");
  if (!function)
    return Status::error(StatusCode::Unsupported,
                         "expects a module with a function 'forward', but got "
                         "none");
  OnnxPlan plan;
  GraphBuilder graph;
  Result<OnnxWeightMap> planned =
      planOnnxWeights(module, weights, graph, plan.tensors);
  if (!planned)
    return planned.status();
  if (Status status = ModelLowering(graph, *planned).run(function); !status)
    return status;
  plan.model = graph.finish();
  return plan;
}
