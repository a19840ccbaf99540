// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The graph of an architecture.

#include "BuildModel.h"

#include "WeightNames.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKDialect.h"
#include "quern/Dialect/QT/IR/QTDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

#include <cmath>

using namespace mlir;

namespace quern::import {

namespace {
/// Builds one module. The ops of a projection or norm carry its name in the
/// checkpoint as their location.
class ModelBuilder {
public:
  ModelBuilder(MLIRContext &context, const Architecture &architecture,
               const BoundWeights &bound)
      : a(architecture), bound(bound), builder(&context) {}

  OwningOpRef<ModuleOp> build();

private:
  DictionaryAttr modelAttr();
  void addGlobal(const std::string &name);
  void addForward();
  nn::KVCacheType cacheType();
  RankedTensorType activations(int64_t width);

  Value attentionPart(int64_t layer, Value x);
  Value rowsAfterAttention(int64_t layer, Value x);
  Value feedForwardPart(int64_t layer, Value x);
  Value norm(const std::string &name, Value x, int64_t group = 0);
  Value linear(const std::string &name, Value x, bool bias);
  Value rope(Value x);
  Value load(Location where, const std::string &name);
  Location at(const std::string &name);

  const Architecture &a;
  const BoundWeights &bound;
  OpBuilder builder;
  Value position, logitRows;
  Value cache;
};
} // namespace

/// `name` without the `.weight` at its end.
static std::string withoutWeight(const std::string &name) {
  return name.substr(0, name.rfind('.'));
}

Location ModelBuilder::at(const std::string &name) {
  return NameLoc::get(builder.getStringAttr(name));
}

RankedTensorType ModelBuilder::activations(int64_t width) {
  return RankedTensorType::get({ShapedType::kDynamic, width},
                               builder.getF32Type());
}

nn::KVCacheType ModelBuilder::cacheType() {
  return nn::KVCacheType::get(builder.getContext(), a.layers, a.kvHeads,
                              a.headDim, builder.getF16Type(),
                              /*encoding=*/nullptr);
}

DictionaryAttr ModelBuilder::modelAttr() {
  auto number = [&](const char *name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  return builder.getDictionaryAttr({
      builder.getNamedAttr("architecture", builder.getStringAttr(a.family)),
      number("vocabulary", a.vocabulary),
      number("context", a.context),
      number("hidden", a.hidden),
      number("layers", a.layers),
      number("heads", a.heads),
      number("kv_heads", a.kvHeads),
      number("head_dim", a.headDim),
      number("intermediate", a.intermediate),
      builder.getNamedAttr("rope_base", builder.getF64FloatAttr(a.ropeBase)),
  });
}

void ModelBuilder::addGlobal(const std::string &name) {
  const BoundWeight &weight = bound.at(name);
  param::GlobalOp::create(builder, at(name), name, weight.type,
                          /*layout=*/Attribute(), weight.value,
                          /*sym_visibility=*/StringAttr());
}

Value ModelBuilder::load(Location where, const std::string &name) {
  return param::LoadOp::create(builder, where, bound.at(name).type, name);
}

Value ModelBuilder::norm(const std::string &name, Value x, int64_t group) {
  Location where = at(withoutWeight(name));
  IntegerAttr groupAttr = group ? builder.getI64IntegerAttr(group) : nullptr;
  return nn::RMSNormOp::create(builder, where, x.getType(), x,
                               load(where, name),
                               builder.getF32FloatAttr(a.normEps), groupAttr);
}

Value ModelBuilder::linear(const std::string &name, Value x, bool bias) {
  Location where = at(name);
  Value weight = load(where, name + ".weight");
  Value biasValue = bias ? load(where, name + ".bias") : Value();
  int64_t rows = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  return nn::LinearOp::create(builder, where, activations(rows), x, weight,
                              biasValue);
}

Value ModelBuilder::rope(Value x) {
  return nn::RopeOp::create(builder, x.getLoc(), x.getType(), x, position,
                            builder.getI64IntegerAttr(a.headDim),
                            builder.getDenseF32ArrayAttr(a.inverseFrequencies));
}

Value ModelBuilder::attentionPart(int64_t layer, Value x) {
  auto name = [&](const char *suffix) { return layerTensor(layer, suffix); };
  Value h = norm(name("input_layernorm.weight"), x);
  Value query = linear(name("self_attn.q_proj"), h, a.qkvBias);
  Value key = linear(name("self_attn.k_proj"), h, a.qkvBias);
  Value value = linear(name("self_attn.v_proj"), h, a.qkvBias);
  if (a.queryKeyNorm) {
    query = norm(name("self_attn.q_norm.weight"), query, a.headDim);
    key = norm(name("self_attn.k_norm.weight"), key, a.headDim);
  }
  Location where = at(name("self_attn"));
  IntegerAttr layerAttr = builder.getI64IntegerAttr(layer);
  IntegerAttr window =
      a.windows[layer] ? builder.getI64IntegerAttr(a.windows[layer]) : nullptr;
  query = rope(query);
  nn::KVAppendOp::create(builder, where, rope(key), value, cache, layerAttr,
                         position);
  FloatAttr scale = builder.getF32FloatAttr(1 / std::sqrt(double(a.headDim)));
  Value mixed =
      nn::AttentionOp::create(builder, where, query.getType(), query, cache,
                              layerAttr, position, scale, window);
  return linear(name("self_attn.o_proj"), rowsAfterAttention(layer, mixed),
                a.outputBias);
}

/// Behind the last attention nothing looks at other tokens: only the rows whose
/// logits are asked for go on, through the last layer and the output matrix.
Value ModelBuilder::rowsAfterAttention(int64_t layer, Value x) {
  if (layer + 1 < a.layers)
    return x;
  return nn::LastRowsOp::create(builder, at("forward"), x.getType(), x,
                                logitRows);
}

Value ModelBuilder::feedForwardPart(int64_t layer, Value x) {
  auto name = [&](const char *suffix) { return layerTensor(layer, suffix); };
  Value h = norm(name("post_attention_layernorm.weight"), x);
  Value gate = linear(name("mlp.gate_proj"), h, a.mlpBias);
  Value up = linear(name("mlp.up_proj"), h, a.mlpBias);
  Value gated = nn::GatedActivationOp::create(
      builder, at(name("mlp")), gate.getType(), nn::Activation::SiLU, gate, up);
  return linear(name("mlp.down_proj"), gated, a.mlpBias);
}

void ModelBuilder::addForward() {
  MLIRContext *context = builder.getContext();
  Type index = builder.getIndexType();
  Type tokens =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  Type logits = activations(a.vocabulary);
  auto function = func::FuncOp::create(
      builder, at("forward"), "forward",
      FunctionType::get(context, {tokens, index, index, cacheType()}, logits));
  Block *body = function.addEntryBlock();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(body);
  position = body->getArgument(1);
  logitRows = body->getArgument(2);
  cache = body->getArgument(3);

  Location embedding = at(withoutWeight(embeddingName));
  Value table = load(embedding, embeddingName);
  Value x = nn::EmbeddingOp::create(builder, embedding, activations(a.hidden),
                                    body->getArgument(0), table);
  for (int64_t layer = 0; layer < a.layers; ++layer) {
    Location where = at(withoutWeight(layerTensor(layer, "")));
    Value mixed = attentionPart(layer, x);
    x = nn::AddOp::create(builder, where, x.getType(),
                          rowsAfterAttention(layer, x), mixed);
    Value processed = feedForwardPart(layer, x);
    x = nn::AddOp::create(builder, where, x.getType(), x, processed);
  }
  x = norm(finalNormName, x);
  Location output = at(withoutWeight(outputName));
  Value outputMatrix = a.tiedEmbedding ? table : load(output, outputName);
  Value result =
      nn::LinearOp::create(builder, output, logits, x, outputMatrix, Value());
  func::ReturnOp::create(builder, output, result);
}

OwningOpRef<ModuleOp> ModelBuilder::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(at(a.family));
  (*module)->setAttr(nn::NNDialect::getModelAttrName(), modelAttr());
  builder.setInsertionPointToEnd(module->getBody());
  forEachTensor(a, [&](const std::string &name, const std::vector<int64_t> &) {
    addGlobal(name);
    return true;
  });
  addForward();
  return module;
}

void loadModelDialects(MLIRContext &context) {
  context.loadDialect<func::FuncDialect, nn::NNDialect, param::ParamDialect,
                      qk::QKDialect, qt::QTDialect>();
}

Result<OwningOpRef<ModuleOp>> buildModel(MLIRContext &context,
                                         const Architecture &architecture,
                                         const BoundWeights &bound,
                                         const std::string &path) {
  loadModelDialects(context);
  OwningOpRef<ModuleOp> module =
      ModelBuilder(context, architecture, bound).build();
  // Numbers that only the dialects bound, such as the size of a cache, are
  // reported by their verifiers.
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message += (message.empty() ? "" : "; ") + diagnostic.str();
  });
  if (failed(verify(*module)))
    return Status::error(StatusCode::InvalidFile, path + ": " + message);
  return module;
}

} // namespace quern::import
