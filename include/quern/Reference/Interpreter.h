// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Evaluates functions of nn, qt, qk, param and check operations: obvious,
// slow, right. It is the definition that compiled code is tested against.

#ifndef QUERN_REFERENCE_INTERPRETER_H
#define QUERN_REFERENCE_INTERPRETER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "quern/Dialect/NN/IR/NNTypes.h"
#include "quern/Reference/KVCache.h"
#include "quern/Reference/Probe.h"
#include "quern/Reference/WeightStore.h"
#include <variant>

namespace quern::reference {

/// What an SSA value stands for. A cache is state that its owner passes in.
using Value = std::variant<Tensor, KVCache *>;

/// Called by `qt.observe` with the name of the statistics and the values.
using Observer = std::function<void(llvm::StringRef, const Tensor &)>;

/// Evaluates the functions of one module, of any stage.
class Interpreter {
public:
  /// `module` and `weights` must outlive the interpreter.
  Interpreter(mlir::ModuleOp module, WeightStore &weights)
      : module(module), weights(weights) {}

  /// Shows `probe` every intermediate value from now on.
  void setProbe(Probe callback) { probe = std::move(callback); }
  /// What `qt.observe` does from now on; nothing at first.
  void setObserver(Observer callback) { observer = std::move(callback); }

  /// Evaluates `function`, whose results must be tensors. What goes wrong is
  /// reported as a diagnostic of the operation it happened in.
  mlir::LogicalResult call(mlir::func::FuncOp function,
                           llvm::ArrayRef<Value> arguments,
                           llvm::SmallVectorImpl<Value> &results);

  /// The function called `name`, or null.
  mlir::func::FuncOp lookup(llvm::StringRef name) {
    return module.lookupSymbol<mlir::func::FuncOp>(name);
  }

private:
  friend class Scope;

  mlir::ModuleOp module;
  WeightStore &weights;
  Probe probe;
  Observer observer;
  int64_t depth = 0; ///< calls that are being evaluated
};

/// An empty cache as `type` describes.
KVCache makeCache(nn::KVCacheType type);

} // namespace quern::reference

#endif // QUERN_REFERENCE_INTERPRETER_H
