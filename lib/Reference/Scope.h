// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the evaluation of an operation can see, and the table of
// evaluations. To add an operation, write a function of it and a Scope, and
// name it in the `add…Ops` of its dialect.

#ifndef QUERN_LIB_REFERENCE_SCOPE_H
#define QUERN_LIB_REFERENCE_SCOPE_H

#include "quern/Reference/Interpreter.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace quern::reference {

/// The values of one call of a function.
class Scope {
public:
  explicit Scope(Interpreter &interpreter) : interpreter(interpreter) {}

  /// A tensor that was set before; types make sure that it is one.
  const Tensor &tensor(mlir::Value value) const {
    return std::get<Tensor>(values.find(value)->second);
  }
  /// Null for an optional operand that is absent.
  const Tensor *tensorOrNull(mlir::Value value) const {
    return value ? &tensor(value) : nullptr;
  }
  int64_t index(mlir::Value value) const { return tensor(value).index(); }
  KVCache &cache(mlir::Value value) const {
    return *std::get<KVCache *>(values.find(value)->second);
  }
  const Value &get(mlir::Value value) const {
    return values.find(value)->second;
  }

  void bind(mlir::Value value, Value meaning) {
    values[value] = std::move(meaning);
  }
  /// Binds a result if there is one, and shows it to the probe.
  Status set(mlir::Value value, Result<Tensor> result);

  void observe(llvm::StringRef name, const Tensor &values) {
    if (interpreter.observer)
      interpreter.observer(name, values);
  }
  WeightStore &weights() { return interpreter.weights; }

  Interpreter &interpreter;

private:
  llvm::DenseMap<mlir::Value, Value> values;
};

/// From the name of an operation to its evaluation.
class OpTable {
public:
  using Evaluate = std::function<Status(mlir::Operation *, Scope &)>;

  template <typename Op> void add(Status (*evaluate)(Op, Scope &)) {
    entries[Op::getOperationName()] = [evaluate](mlir::Operation *op,
                                                 Scope &scope) {
      return evaluate(llvm::cast<Op>(op), scope);
    };
  }
  /// Null if the operation has no evaluation.
  const Evaluate *lookup(mlir::Operation *op) const {
    auto entry = entries.find(op->getName().getStringRef());
    return entry == entries.end() ? nullptr : &entry->second;
  }

private:
  llvm::StringMap<Evaluate> entries;
};

void addBuiltinOps(OpTable &table); ///< arith, func, tensor, param
void addNNOps(OpTable &table);
void addQTOps(OpTable &table);
void addQKOps(OpTable &table);
void addCheckOps(OpTable &table);

} // namespace quern::reference

#endif // QUERN_LIB_REFERENCE_SCOPE_H
