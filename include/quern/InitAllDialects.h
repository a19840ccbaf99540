// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The only list of all dialects, Quern's in pipeline order.

#ifndef QUERN_INITALLDIALECTS_H
#define QUERN_INITALLDIALECTS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "quern/Dialect/Check/IR/CheckDialect.h"
#include "quern/Dialect/NN/IR/NNDialect.h"
#include "quern/Dialect/Param/IR/ParamDialect.h"
#include "quern/Dialect/QK/IR/QKDialect.h"
#include "quern/Dialect/QT/IR/QTDialect.h"

namespace quern {

/// Registers every dialect that Quern reads or makes: its own, and those of
/// upstream that models (first line) and generated kernels are written in.
inline void registerAllDialects(mlir::DialectRegistry &registry) {
  registry.insert<param::ParamDialect, nn::NNDialect, qt::QTDialect,
                  qk::QKDialect, check::CheckDialect>();
  registry.insert<mlir::arith::ArithDialect, mlir::func::FuncDialect>();
  registry.insert<mlir::cf::ControlFlowDialect, mlir::index::IndexDialect,
                  mlir::LLVM::LLVMDialect, mlir::math::MathDialect,
                  mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                  mlir::tensor::TensorDialect, mlir::vector::VectorDialect>();
}

} // namespace quern

#endif // QUERN_INITALLDIALECTS_H
