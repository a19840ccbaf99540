// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From the operations of a model to a graph of plain operators.

#ifndef QUERN_LIB_EXPORT_GRAPH_LOWERING_H
#define QUERN_LIB_EXPORT_GRAPH_LOWERING_H

#include "ModelGraph.h"
#include "quern/Base/Status.h"
#include "quern/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quern::exporter {

/// What attention reads of one layer: [batch, kv_heads, total, head_dim].
struct CachedLayer {
  std::string keys, values;
};

/// Lowers a model's function `forward`, in the convention of decoders with a
/// cache. Activations [rows, width] become [batch, sequence, width]. With B =
/// batch_size, S = sequence_length, P = past_sequence_length, T = P + S:
///
///   input_ids i64 [B, S]; attention_mask i64 [B, T], 0 where a token is
///   padding; position_ids i64 [B, S]; for each layer past_key_values.N.key and
///   .value f32 [B, kv_heads, P, head_dim]
///   -> logits f32 [B, S, vocabulary]; present.N.key and .value, with T for P
class ModelLowering {
public:
  ModelLowering(ModelGraph &graph, WeightReader &reader)
      : graph(graph), reader(reader) {}

  /// Errors name the operation that there is nothing for.
  Status run(mlir::ModuleOp module);

private:
  Status run(mlir::func::FuncOp function);
  void addInputs(nn::KVCacheType cache);
  void addPositions();
  Status lower(mlir::Operation &op);
  void addOutputs(mlir::Value logits);

  std::string lower(nn::EmbeddingOp op);
  std::string lower(nn::RMSNormOp op);
  std::string lower(nn::LayerNormOp op);
  std::string lower(nn::LinearOp op);
  std::string lower(nn::AddOp op);
  std::string lower(nn::GatedActivationOp op);
  std::string lower(nn::ActivationOp op);
  std::string lower(nn::ScaleOp op);
  std::string lower(nn::SoftcapOp op);
  std::string lower(nn::AddPositionsOp op);
  std::string lower(nn::RopeOp op);
  std::string lower(nn::AttentionOp op);
  void lower(nn::KVAppendOp op);

  std::string activated(nn::Activation activation, const std::string &x);
  std::string heads(const std::string &x, int64_t count, int64_t width);
  std::string masked(const std::string &scores, std::optional<int64_t> window);
  std::pair<std::string, std::string> rotations(nn::RopeOp op);
  std::string weightName(mlir::Value weight) const;
  std::string operator[](mlir::Value value) const {
    return values.lookup(value);
  }

  ModelGraph &graph;
  WeightReader &reader;
  nn::KVCacheType cache;
  llvm::DenseMap<mlir::Value, std::string> values;
  std::map<int64_t, CachedLayer> layers;
  std::map<int64_t, std::string> masks; ///< by window, 0 for none
  /// Cosines and sines by frequencies and magnitude.
  std::map<std::pair<std::vector<float>, float>,
           std::pair<std::string, std::string>>
      turns;
  std::string queryPositions; ///< in the cache, [sequence, 1]
  std::string keyPositions;   ///< [1, total]
  std::string isToken;        ///< [batch, 1, 1, 1, total]: no padding
};

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_GRAPH_LOWERING_H
