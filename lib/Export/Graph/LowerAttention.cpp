// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From the operations of a model to plain operators: positions, the
// cache, and attention.

#include "Lowering.h"

#include <limits>
#include <tuple>

using namespace quern;
using namespace quern::exporter;

static constexpr const char *kBatch = "batch_size";
static constexpr const char *kSequence = "sequence_length";
static constexpr const char *kPast = "past_sequence_length";
static constexpr const char *kTotal = "total_sequence_length";

static std::string cacheName(const char *side, int64_t layer,
                             const char *part) {
  return std::string(side) + "." + std::to_string(layer) + "." + part;
}

void ModelLowering::addInputs(nn::KVCacheType cache) {
  graph.input("input_ids", ValueType::Int64, {kBatch, kSequence});
  graph.input("attention_mask", ValueType::Int64, {kBatch, kTotal});
  graph.input("position_ids", ValueType::Int64, {kBatch, kSequence});
  for (int64_t layer = 0; layer < cache.getLayers(); ++layer)
    for (const char *part : {"key", "value"})
      graph.input(cacheName("past_key_values", layer, part), ValueType::Float,
                  {kBatch, int64_t(cache.getHeads()), kPast,
                   int64_t(cache.getHeadDim())});
}

/// Which tokens there are: their places in the cache, and whether they are
/// tokens.
void ModelLowering::addPositions() {
  graph.enter("/model/attention_mask");
  std::string past = graph.extent(cacheName("past_key_values", 0, "key"), 2);
  std::string total = graph.add(past, graph.extent("input_ids", 1));
  queryPositions = graph.unsqueeze(graph.range(past, total), {1});
  keyPositions = graph.unsqueeze(graph.range(graph.integer(0), total), {0});
  isToken =
      graph.unsqueeze(graph.cast("attention_mask", ValueType::Bool), {1, 2, 3});
}

/// Scores [batch, kv_heads, group, sequence, total], those of tokens that are
/// not seen as small as can be: infinity would make rows of padding NaN.
std::string ModelLowering::masked(const std::string &scores,
                                  std::optional<int64_t> window) {
  std::string &mask = masks[window.value_or(0)];
  if (mask.empty()) {
    mask = graph.pairwise(Pairwise::LessOrEqual, keyPositions, queryPositions);
    if (window) {
      std::string begin =
          graph.subtract(queryPositions, graph.integer(*window));
      mask = graph.pairwise(
          Pairwise::And, mask,
          graph.pairwise(Pairwise::Greater, keyPositions, begin));
    }
    mask = graph.pairwise(Pairwise::And, mask, isToken);
  }
  std::string least = graph.number(std::numeric_limits<float>::lowest());
  return graph.select(mask, scores, least);
}

/// Cosines and sines [batch, sequence, 1, pairs].
std::pair<std::string, std::string> ModelLowering::rotations(nn::RopeOp op) {
  float magnitude = op.getMagnitude() ? op.getMagnitude()->convertToFloat() : 1;
  std::vector<float> frequencies = op.getInverseFrequencies().vec();
  auto &[cosines, sines] = turns[{frequencies, magnitude}];
  if (!cosines.empty())
    return {cosines, sines};
  std::tie(cosines, sines) = graph.turns("position_ids", frequencies);
  if (magnitude != 1) {
    std::string factor = graph.number(magnitude);
    cosines = graph.multiply(cosines, factor);
    sines = graph.multiply(sines, factor);
  }
  return {cosines, sines};
}

std::string ModelLowering::lower(nn::RopeOp op) {
  int64_t headDim = op.getHeadDim();
  int64_t pairs = int64_t(op.getInverseFrequencies().size());
  auto type = llvm::cast<mlir::RankedTensorType>(op.getType());
  int64_t width = type.getShape().back();
  auto [cosines, sines] = rotations(op);
  std::string x =
      graph.reshape((*this)[op.getInput()], {0, 0, width / headDim, headDim});
  std::string first = graph.columns(x, 0, pairs);
  std::string second = graph.columns(x, pairs, 2 * pairs);
  auto times = [&](const std::string &a, const std::string &b) {
    return graph.multiply(a, b);
  };
  ModelGraph::Values parts = {
      graph.subtract(times(first, cosines), times(second, sines)),
      graph.add(times(second, cosines), times(first, sines))};
  if (2 * pairs < headDim)
    parts.push_back(graph.columns(x, 2 * pairs, headDim));
  return graph.reshape(graph.concat(parts, -1), {0, 0, width});
}

/// [batch, sequence, count * width] -> [batch, count, sequence, width]
std::string ModelLowering::heads(const std::string &x, int64_t count,
                                 int64_t width) {
  return graph.transpose(graph.reshape(x, {0, 0, count, width}), {0, 2, 1, 3});
}

void ModelLowering::lower(nn::KVAppendOp op) {
  int64_t layer = op.getLayer();
  auto append = [&](mlir::Value rows, const char *part) {
    std::string added =
        heads((*this)[rows], cache.getHeads(), cache.getHeadDim());
    return graph.concat({cacheName("past_key_values", layer, part), added}, 2);
  };
  layers[layer].keys = append(op.getKey(), "key");
  layers[layer].values = append(op.getValue(), "value");
}

/// Query heads that share a key head are a group of their own, so that keys and
/// values need not be repeated.
std::string ModelLowering::lower(nn::AttentionOp op) {
  int64_t kvHeads = cache.getHeads(), headDim = cache.getHeadDim();
  auto type = llvm::cast<mlir::RankedTensorType>(op.getType());
  int64_t width = type.getShape().back();
  int64_t group = width / headDim / kvHeads;
  const CachedLayer &layer = layers[op.getLayer()];
  std::string query =
      graph.reshape((*this)[op.getQuery()], {0, 0, kvHeads, group, headDim});
  query = graph.transpose(query, {0, 2, 3, 1, 4});
  std::string keys = graph.unsqueeze(layer.keys, {2});
  keys = graph.transpose(keys, {0, 1, 2, 4, 3});
  std::string scores = graph.matmul(query, keys);
  scores = graph.multiply(scores, graph.number(op.getScale().convertToFloat()));
  if (op.getSoftcap()) {
    std::string cap = graph.number(op.getSoftcap()->convertToFloat());
    scores = graph.elementwise(Elementwise::Tanh, graph.divide(scores, cap));
    scores = graph.multiply(scores, cap);
  }
  std::optional<int64_t> window;
  if (op.getWindow())
    window = int64_t(*op.getWindow());
  std::string shares = graph.softmax(masked(scores, window));
  std::string mixed = graph.matmul(shares, graph.unsqueeze(layer.values, {2}));
  mixed = graph.transpose(mixed, {0, 3, 1, 2, 4});
  return graph.reshape(mixed, {0, 0, width});
}

void ModelLowering::addOutputs(mlir::Value logits) {
  auto type = llvm::cast<mlir::RankedTensorType>(logits.getType());
  graph.output("logits", (*this)[logits], ValueType::Float,
               {kBatch, kSequence, type.getShape().back()});
  for (auto &[number, layer] : layers) {
    ModelGraph::Extents shape = {kBatch, int64_t(cache.getHeads()), kTotal,
                                 int64_t(cache.getHeadDim())};
    graph.output(cacheName("present", number, "key"), layer.keys,
                 ValueType::Float, shape);
    graph.output(cacheName("present", number, "value"), layer.values,
                 ValueType::Float, shape);
  }
}
