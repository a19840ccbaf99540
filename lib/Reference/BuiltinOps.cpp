// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Evaluation of arith.constant, func.call, tensor.cast and
// param.load.

#include "Mismatch.h"
#include "Scope.h"
#include "Types.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace quern;
using namespace quern::reference;

static Tensor realConstant(mlir::DenseElementsAttr elements) {
  std::vector<float> values;
  for (llvm::APFloat value : elements.getValues<llvm::APFloat>()) {
    bool losesInfo;
    value.convert(llvm::APFloat::IEEEsingle(),
                  llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    values.push_back(value.convertToFloat());
  }
  return Tensor::ofReals(elements.getType().getShape().vec(),
                         std::move(values));
}

static Tensor integerConstant(mlir::DenseElementsAttr elements) {
  std::vector<int32_t> values;
  for (const llvm::APInt &value : elements.getValues<llvm::APInt>())
    values.push_back(int32_t(value.getSExtValue()));
  return Tensor::ofInts(elements.getType().getShape().vec(), std::move(values));
}

static Status evalConstant(mlir::arith::ConstantOp op, Scope &scope) {
  auto integer = llvm::dyn_cast<mlir::IntegerAttr>(op.getValue());
  if (integer && op.getType().isIndex())
    return scope.set(op, Tensor::ofIndex(integer.getInt()));
  auto elements = llvm::dyn_cast<mlir::DenseElementsAttr>(op.getValue());
  if (elements && isInteger(elements.getElementType()))
    return scope.set(op, integerConstant(elements));
  if (elements && isReal(elements.getElementType()))
    return scope.set(op, realConstant(elements));
  return mismatch("an index, or a dense tensor of i8, i32 or floats of at most "
                  "32 bits",
                  textOf(op.getType()));
}

static Status evalCall(mlir::func::CallOp op, Scope &scope) {
  llvm::SmallVector<Value> arguments, results;
  for (mlir::Value operand : op.getOperands())
    arguments.push_back(scope.get(operand));
  mlir::func::FuncOp callee = scope.interpreter.lookup(op.getCallee());
  if (failed(scope.interpreter.call(callee, arguments, results)))
    return Status::error(StatusCode::InvalidArgument,
                         "calls '" + op.getCallee().str() + "', which failed");
  for (auto [name, value] : llvm::zip(op.getResults(), results))
    scope.bind(name, std::move(value));
  return Status::ok();
}

/// A cast changes what is known about the shape; Scope::set checks it.
static Status evalCast(mlir::tensor::CastOp op, Scope &scope) {
  return scope.set(op, scope.tensor(op.getSource()));
}

static Status evalLoad(param::LoadOp op, Scope &scope) {
  auto global = mlir::SymbolTable::lookupNearestSymbolFrom<param::GlobalOp>(
      op, op.getGlobalAttr());
  return scope.set(op.getResult(), scope.weights().load(global));
}

void reference::addBuiltinOps(OpTable &table) {
  table.add(evalConstant);
  table.add(evalCall);
  table.add(evalCast);
  table.add(evalLoad);
}
