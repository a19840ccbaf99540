// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Evaluation of the nn dialect.

#include "quern/Dialect/NN/IR/NNOps.h"
#include "Scope.h"
#include "quern/Reference/Math.h"

using namespace quern;
using namespace quern::reference;

static Status evalEmbedding(nn::EmbeddingOp op, Scope &scope) {
  return scope.set(op.getResult(), embedding(scope.tensor(op.getTokens()),
                                             scope.tensor(op.getTable())));
}

static Status evalRMSNorm(nn::RMSNormOp op, Scope &scope) {
  const Tensor &input = scope.tensor(op.getInput());
  return scope.set(op.getResult(), rmsNorm(input, scope.tensor(op.getWeight()),
                                           op.getEps().convertToFloat(),
                                           op.getGroup().value_or(input.cols()),
                                           op.getUnitOffset() ? 1 : 0));
}

static Status evalLayerNorm(nn::LayerNormOp op, Scope &scope) {
  return scope.set(op.getResult(), layerNorm(scope.tensor(op.getInput()),
                                             scope.tensor(op.getWeight()),
                                             scope.tensorOrNull(op.getBias()),
                                             op.getEps().convertToFloat()));
}

static Status evalActivation(nn::ActivationOp op, Scope &scope) {
  llvm::StringRef name = nn::stringifyActivation(op.getActivation());
  return scope.set(op.getResult(), activate(lookupActivation(name.str()),
                                            scope.tensor(op.getInput())));
}

static Status evalAddPositions(nn::AddPositionsOp op, Scope &scope) {
  return scope.set(op.getResult(), addPositions(scope.tensor(op.getInput()),
                                                scope.tensor(op.getTable()),
                                                scope.index(op.getPosition())));
}

static Status evalLinear(nn::LinearOp op, Scope &scope) {
  const numerics::FloatType *rounding = op.getCompute() == nn::Compute::BF16
                                            ? numerics::lookupFloatType("bf16")
                                            : nullptr;
  const Tensor &x = scope.tensor(op.getInput());
  const Tensor &w = scope.tensor(op.getWeight());
  const Tensor *bias = scope.tensorOrNull(op.getBias());
  if (const Tensor *routing = scope.tensorOrNull(op.getRouting()))
    return scope.set(op.getResult(),
                     routedLinear(x, w, bias, *routing,
                                  op.getType().getDimSize(1), rounding));
  return scope.set(op.getResult(), linear(x, w, bias, rounding));
}

static Status evalRoute(nn::RouteOp op, Scope &scope) {
  return scope.set(op.getResult(), route(scope.tensor(op.getLogits()),
                                         op.getTop(), op.getNormalized()));
}

static Status evalDispatch(nn::DispatchOp op, Scope &scope) {
  return scope.set(op.getResult(),
                   dispatch(scope.tensor(op.getInput()),
                            scope.tensor(op.getRouting()), op.getExperts()));
}

static Status evalCombine(nn::CombineOp op, Scope &scope) {
  return scope.set(op.getResult(),
                   combine(scope.tensor(op.getInput()),
                           scope.tensor(op.getRouting()), op.getExperts()));
}

static Status evalAdd(nn::AddOp op, Scope &scope) {
  return scope.set(op.getResult(),
                   add(scope.tensor(op.getLhs()), scope.tensor(op.getRhs())));
}

static Status evalGatedActivation(nn::GatedActivationOp op, Scope &scope) {
  llvm::StringRef name = nn::stringifyActivation(op.getActivation());
  return scope.set(op.getResult(), gatedActivation(lookupActivation(name.str()),
                                                   scope.tensor(op.getGate()),
                                                   scope.tensor(op.getUp())));
}

static Status evalScale(nn::ScaleOp op, Scope &scope) {
  return scope.set(op.getResult(), scale(scope.tensor(op.getInput()),
                                         op.getFactor().convertToFloat()));
}

static Status evalSoftcap(nn::SoftcapOp op, Scope &scope) {
  return scope.set(op.getResult(), softcap(scope.tensor(op.getInput()),
                                           op.getCap().convertToFloat()));
}

static Status evalLastRows(nn::LastRowsOp op, Scope &scope) {
  return scope.set(op.getResult(), lastRows(scope.tensor(op.getInput()),
                                            scope.index(op.getRows())));
}

static Status evalRope(nn::RopeOp op, Scope &scope) {
  const Tensor &input = scope.tensor(op.getInput());
  llvm::ArrayRef<float> frequencies = op.getInverseFrequencies();
  Tensor table =
      ropeTable(scope.index(op.getPosition()), input.rows(),
                {frequencies.data(), frequencies.size()},
                op.getMagnitude() ? op.getMagnitude()->convertToFloat() : 1);
  return scope.set(op.getResult(),
                   rope(input, op.getHeadDim(), table, /*first=*/0));
}

static Status evalHadamard(nn::HadamardOp op, Scope &scope) {
  return scope.set(op.getResult(),
                   hadamard(scope.tensor(op.getInput()), op.getGroup()));
}

static Status evalGatherColumns(nn::GatherColumnsOp op, Scope &scope) {
  return scope.set(op.getResult(),
                   gatherColumns(scope.tensor(op.getInput()),
                                 scope.tensor(op.getColumns())));
}

static Status evalScaleColumns(nn::ScaleColumnsOp op, Scope &scope) {
  return scope.set(op.getResult(), scaleColumns(scope.tensor(op.getInput()),
                                                scope.tensor(op.getScales())));
}

static Status evalKVAppend(nn::KVAppendOp op, Scope &scope) {
  return scope.cache(op.getCache())
      .append(op.getLayer(), scope.index(op.getPosition()),
              scope.tensor(op.getKey()), scope.tensor(op.getValue()));
}

static Status evalAttention(nn::AttentionOp op, Scope &scope) {
  ScoreRule rule;
  rule.scale = op.getScale().convertToFloat();
  rule.window = op.getWindow().value_or(0);
  if (std::optional<llvm::APFloat> cap = op.getSoftcap())
    rule.softcap = cap->convertToFloat();
  return scope.set(op.getResult(),
                   attention(scope.tensor(op.getQuery()),
                             scope.cache(op.getCache()), op.getLayer(),
                             scope.index(op.getPosition()), rule));
}

void reference::addNNOps(OpTable &table) {
  table.add(evalEmbedding);
  table.add(evalRMSNorm);
  table.add(evalLinear);
  table.add(evalAdd);
  table.add(evalGatedActivation);
  table.add(evalLayerNorm);
  table.add(evalActivation);
  table.add(evalAddPositions);
  table.add(evalRoute);
  table.add(evalDispatch);
  table.add(evalCombine);
  table.add(evalScale);
  table.add(evalSoftcap);
  table.add(evalLastRows);
  table.add(evalRope);
  table.add(evalHadamard);
  table.add(evalGatherColumns);
  table.add(evalScaleColumns);
  table.add(evalKVAppend);
  table.add(evalAttention);
}
