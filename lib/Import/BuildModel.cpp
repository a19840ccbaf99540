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
  Value activated(int64_t layer, Value x);
  Value feedForwardPart(int64_t layer, Value x);
  Value norm(const std::string &name, Value x, int64_t group = 0);
  Value linear(const std::string &name, Value x, bool bias,
               Value routing = Value());
  Value expertsPart(int64_t layer, Value x);
  Value postNorm(int64_t layer, const char *suffix, Value x);
  Value rope(int64_t layer, Value x);
  Value embedding(Value tokens, Value table);
  Value layers(Value x);
  Value logits(Value x, Value table);
  Value load(Location where, const std::string &name);
  Location at(const std::string &name);

  const Architecture &a;
  const BoundWeights &bound;
  OpBuilder builder;
  Value position, logitRows;
  Value cache;
};
} // namespace

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
  llvm::SmallVector<NamedAttribute> entries = {
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
  };
  if (a.windowRope)
    entries.push_back(builder.getNamedAttr(
        "window_rope_base", builder.getF64FloatAttr(a.windowRopeBase)));
  return builder.getDictionaryAttr(entries);
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
  Location where = at(name);
  IntegerAttr groupAttr = group ? builder.getI64IntegerAttr(group) : nullptr;
  UnitAttr offset = a.normUnitOffset ? builder.getUnitAttr() : nullptr;
  FloatAttr eps = builder.getF32FloatAttr(a.normEps);
  if (a.layerNorms)
    return nn::LayerNormOp::create(builder, where, x.getType(), x,
                                   load(where, name + ".weight"),
                                   load(where, name + ".bias"), eps);
  return nn::RMSNormOp::create(
      builder, where, x.getType(), x, load(where, name + ".weight"),
      builder.getF32FloatAttr(a.normEps), groupAttr, offset);
}

/// The norm of what a part of a layer adds, in architectures that have one.
Value ModelBuilder::postNorm(int64_t layer, const char *suffix, Value x) {
  return a.postNorms ? norm(layerTensor(layer, suffix), x) : x;
}

Value ModelBuilder::linear(const std::string &name, Value x, bool bias,
                           Value routing) {
  Location where = at(name);
  Value weight = load(where, name + ".weight");
  Value biasValue = bias ? load(where, name + ".bias") : Value();
  int64_t rows = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  if (routing)
    rows /= a.experts.count;
  return nn::LinearOp::create(builder, where, activations(rows), x, weight,
                              biasValue, routing);
}

Value ModelBuilder::rope(int64_t layer, Value x) {
  const Rope &rope = a.ropeOf(layer);
  if (rope.inverseFrequencies.empty())
    return x;
  FloatAttr magnitude = rope.magnitude != 1
                            ? builder.getF32FloatAttr(rope.magnitude)
                            : FloatAttr();
  return nn::RopeOp::create(
      builder, x.getLoc(), x.getType(), x, position,
      builder.getI64IntegerAttr(a.headDim),
      builder.getDenseF32ArrayAttr(rope.inverseFrequencies), magnitude);
}

Value ModelBuilder::attentionPart(int64_t layer, Value x) {
  auto name = [&](const char *suffix) { return layerTensor(layer, suffix); };
  Value h = norm(name("input_layernorm"), x);
  Value query = linear(name("self_attn.q_proj"), h, a.qkvBias);
  Value key = linear(name("self_attn.k_proj"), h, a.qkvBias);
  Value value = linear(name("self_attn.v_proj"), h, a.qkvBias);
  if (a.queryKeyNorm) {
    query = norm(name("self_attn.q_norm"), query, a.headDim);
    key = norm(name("self_attn.k_norm"), key, a.headDim);
  }
  Location where = at(name("self_attn"));
  IntegerAttr layerAttr = builder.getI64IntegerAttr(layer);
  IntegerAttr window =
      a.windows[layer] ? builder.getI64IntegerAttr(a.windows[layer]) : nullptr;
  query = rope(layer, query);
  nn::KVAppendOp::create(builder, where, rope(layer, key), value, cache,
                         layerAttr, position);
  Value mixed = nn::AttentionOp::create(
      builder, where, query.getType(), query, cache, layerAttr, position,
      builder.getF32FloatAttr(a.attentionScale), window,
      a.attentionSoftcap ? builder.getF32FloatAttr(a.attentionSoftcap)
                         : FloatAttr());
  Value output = linear(name("self_attn.o_proj"),
                        rowsAfterAttention(layer, mixed), a.outputBias);
  return postNorm(layer, attentionPostNorm, output);
}

/// Behind the last attention nothing looks at other tokens: only the rows whose
/// logits are asked for go on, through the last layer and the output matrix.
Value ModelBuilder::rowsAfterAttention(int64_t layer, Value x) {
  if (layer + 1 < a.layers)
    return x;
  return nn::LastRowsOp::create(builder, at("forward"), x.getType(), x,
                                logitRows);
}

/// What goes into the last product of a feed-forward part.
Value ModelBuilder::activated(int64_t layer, Value x) {
  auto name = [&](const char *suffix) { return layerTensor(layer, suffix); };
  Location where = at(name("mlp"));
  nn::Activation activation = *nn::symbolizeActivation(a.activation);
  if (!a.gatedFeedForward) {
    Value up = linear(name("mlp.up_proj"), x, a.mlpBias);
    return nn::ActivationOp::create(builder, where, up.getType(), activation,
                                    up);
  }
  Value gate = linear(name("mlp.gate_proj"), x, a.mlpBias);
  Value up = linear(name("mlp.up_proj"), x, a.mlpBias);
  return nn::GatedActivationOp::create(builder, where, gate.getType(),
                                       activation, gate, up);
}

/// The sum of what the experts say that each token chooses.
Value ModelBuilder::expertsPart(int64_t layer, Value x) {
  auto name = [&](const char *suffix) { return layerTensor(layer, suffix); };
  const Experts &experts = a.experts;
  Location where = at(name("mlp.experts"));
  Value scores = linear(name("mlp.gate"), x, /*bias=*/false);
  IntegerAttr count = builder.getI64IntegerAttr(experts.count);
  Value routing = nn::RouteOp::create(
      builder, at(name("mlp.gate")), activations(2 * experts.perToken), scores,
      builder.getI64IntegerAttr(experts.perToken),
      experts.normalized ? builder.getUnitAttr() : UnitAttr());
  Value rows =
      nn::DispatchOp::create(builder, where, x.getType(), x, routing, count);
  auto multiply = [&](const char *suffix, Value input) {
    return linear(name(suffix), input, /*bias=*/false, routing);
  };
  Value gate = multiply("mlp.experts.gate_proj", rows);
  Value up = multiply("mlp.experts.up_proj", rows);
  Value activated = nn::GatedActivationOp::create(
      builder, where, gate.getType(), *nn::symbolizeActivation(a.activation),
      gate, up);
  Value output = multiply("mlp.experts.down_proj", activated);
  return nn::CombineOp::create(builder, where, output.getType(), output,
                               routing, count);
}

Value ModelBuilder::feedForwardPart(int64_t layer, Value x) {
  Value h = norm(layerTensor(layer, feedForwardNorm(a)), x);
  if (a.hasExperts(layer))
    return postNorm(layer, feedForwardPostNorm, expertsPart(layer, h));
  Value output = linear(layerTensor(layer, "mlp.down_proj"),
                        activated(layer, h), a.mlpBias);
  return postNorm(layer, feedForwardPostNorm, output);
}

Value ModelBuilder::embedding(Value tokens, Value table) {
  Location where = at(embeddingName);
  Value x = nn::EmbeddingOp::create(builder, where, activations(a.hidden),
                                    tokens, table);
  if (a.embeddingScale != 1)
    x = nn::ScaleOp::create(builder, where, x.getType(), x,
                            builder.getF32FloatAttr(a.embeddingScale));
  if (a.learnedPositions) {
    Location positions = at(positionsName);
    Value entries = load(positions, positionsName + std::string(".weight"));
    x = nn::AddPositionsOp::create(builder, positions, x.getType(), x, entries,
                                   position);
  }
  return x;
}

Value ModelBuilder::layers(Value x) {
  for (int64_t layer = 0; layer < a.layers; ++layer) {
    Location where = at("model.layers." + std::to_string(layer));
    Value mixed = attentionPart(layer, x);
    Value before = rowsAfterAttention(layer, x);
    x = nn::AddOp::create(builder, where, x.getType(), before, mixed);
    Value processed = feedForwardPart(layer, a.parallelParts ? before : x);
    x = nn::AddOp::create(builder, where, x.getType(), x, processed);
  }
  return x;
}

/// The output matrix is `table`, the embedding, where that is tied.
Value ModelBuilder::logits(Value x, Value table) {
  Location where = at(outputName);
  x = norm(finalNormName, x);
  Value matrix = a.tiedEmbedding
                     ? table
                     : load(where, outputName + std::string(".weight"));
  Value result = nn::LinearOp::create(builder, where, activations(a.vocabulary),
                                      x, matrix, Value(), Value());
  if (a.logitSoftcap == 0)
    return result;
  return nn::SoftcapOp::create(builder, where, result.getType(), result,
                               builder.getF32FloatAttr(a.logitSoftcap));
}

void ModelBuilder::addForward() {
  MLIRContext *context = builder.getContext();
  Type index = builder.getIndexType();
  Type tokens =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  auto function = func::FuncOp::create(
      builder, at("forward"), "forward",
      FunctionType::get(context, {tokens, index, index, cacheType()},
                        activations(a.vocabulary)));
  Block *body = function.addEntryBlock();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(body);
  position = body->getArgument(1);
  logitRows = body->getArgument(2);
  cache = body->getArgument(3);

  Value table = load(at(embeddingName), embeddingName + std::string(".weight"));
  Value x = layers(embedding(body->getArgument(0), table));
  func::ReturnOp::create(builder, at(outputName), logits(x, table));
}

OwningOpRef<ModuleOp> ModelBuilder::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(at(a.family));
  (*module)->setAttr(nn::NNDialect::getModelAttrName(), modelAttr());
  builder.setInsertionPointToEnd(module->getBody());
  forEachWeight(a, [&](const Weight &weight) {
    addGlobal(weight.name);
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
