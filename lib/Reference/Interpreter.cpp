// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Evaluates functions, one operation after another.

#include "quern/Reference/Interpreter.h"
#include "Scope.h"
#include "Types.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "llvm/ADT/ScopeExit.h"

using namespace quern;
using namespace quern::reference;

/// Calls inside calls; more is taken for a recursion without end.
static constexpr int64_t kMaxDepth = 64;

static const OpTable &opTable() {
  static const OpTable table = [] {
    OpTable all;
    addBuiltinOps(all);
    addNNOps(all);
    addQTOps(all);
    addQKOps(all);
    addCheckOps(all);
    return all;
  }();
  return table;
}

static mlir::LogicalResult checkCall(mlir::func::FuncOp function,
                                     llvm::ArrayRef<Value> arguments,
                                     int64_t depth) {
  if (depth >= kMaxDepth)
    return function.emitOpError()
           << "expects at most " << kMaxDepth << " nested calls, but got more";
  if (!function.getBody().hasOneBlock())
    return function.emitOpError() << "expects a body of one block, but got "
                                  << function.getBody().getBlocks().size();
  if (arguments.size() != function.getNumArguments())
    return function.emitOpError() << "expects " << function.getNumArguments()
                                  << " arguments, but got " << arguments.size();
  for (auto [i, argument] : llvm::enumerate(arguments))
    if (Status status = checkType(argument, function.getArgumentTypes()[i]);
        !status)
      return function.emitOpError()
             << "argument " << i << " " << status.message();
  return mlir::success();
}

mlir::LogicalResult Interpreter::call(mlir::func::FuncOp function,
                                      llvm::ArrayRef<Value> arguments,
                                      llvm::SmallVectorImpl<Value> &results) {
  if (failed(checkCall(function, arguments, depth)))
    return mlir::failure();
  Scope scope(*this);
  for (auto [name, value] : llvm::zip(function.getArguments(), arguments))
    scope.bind(name, value);

  ++depth;
  llvm::scope_exit leave([&] { --depth; });
  mlir::Block &body = function.getBody().front();
  for (mlir::Operation &op : body.without_terminator()) {
    const OpTable::Evaluate *evaluate = opTable().lookup(&op);
    if (!evaluate)
      return op.emitOpError("has no evaluation in the reference interpreter");
    if (Status status = (*evaluate)(&op, scope); !status)
      return op.emitOpError() << status.message();
  }
  for (mlir::Value value : body.getTerminator()->getOperands())
    results.push_back(scope.get(value));
  return mlir::success();
}

KVCache reference::makeCache(nn::KVCacheType type) {
  numerics::Format format;
  if (auto encoding =
          llvm::dyn_cast_if_present<qt::FormatAttr>(type.getEncoding()))
    format = encoding.getFormat();
  else // the verifier of the type lets only f16 and f32 through
    format =
        *numerics::FormatRegistry::builtin().lookup(textOf(type.getElement()));
  return KVCache(type.getLayers(), type.getHeads(), type.getHeadDim(),
                 std::move(format));
}
