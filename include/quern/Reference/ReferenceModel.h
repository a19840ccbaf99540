// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A language model that the reference interpreter runs.

#ifndef QUERN_REFERENCE_REFERENCEMODEL_H
#define QUERN_REFERENCE_REFERENCEMODEL_H

#include "quern/Reference/Interpreter.h"

namespace quern::reference {

/// A module whose function takes (tokens, position, rows, cache) and gives
/// logits [rows, vocabulary], with its weights and its KV cache. Weights are
/// read, coded and decoded once, at first use.
class ReferenceModel {
public:
  /// `module` must outlive the model. `weights` stands for the scope "model"
  /// and may be null if the module reads no file. Fails if there is no function
  /// `entry` of that signature.
  static Result<ReferenceModel>
  create(mlir::ModuleOp module,
         std::shared_ptr<const weights::WeightSource> weights,
         llvm::StringRef entry = "forward");

  /// Logits [rows][vocabulary] of the last `rows` of `tokens`, which are
  /// everything the model has seen.
  Result<std::vector<float>> logits(Span<const int32_t> tokens, int64_t rows);
  /// The same, where `tokens` follow those of the calls since the last reset().
  Result<Tensor> extend(Span<const int32_t> tokens, int64_t rows);
  void reset() { position = 0; }
  /// Forgets all but the first `length` tokens. Fails if there are fewer.
  Status truncate(int64_t length);
  /// Tokens since the last reset().
  int64_t length() const { return position; }

  /// The value of the weight `name`, decoded if it is coded.
  Result<Tensor> weight(llvm::StringRef name);

  /// Shows `probe` every intermediate value from now on.
  void setProbe(Probe probe) { interpreter.setProbe(std::move(probe)); }

private:
  ReferenceModel(mlir::ModuleOp module, std::unique_ptr<WeightStore> store,
                 mlir::func::FuncOp entry, KVCache cache)
      : store(std::move(store)), interpreter(module, *this->store),
        entry(entry), cache(std::move(cache)) {}

  std::unique_ptr<WeightStore> store;
  Interpreter interpreter;
  mlir::func::FuncOp entry;
  KVCache cache;
  int64_t position = 0;
};

} // namespace quern::reference

#endif // QUERN_REFERENCE_REFERENCEMODEL_H
