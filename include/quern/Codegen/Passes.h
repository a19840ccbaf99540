// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Passes of code generation that no target owns.

#ifndef QUERN_CODEGEN_PASSES_H
#define QUERN_CODEGEN_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>
#include <string>

namespace quern::codegen {

#define GEN_PASS_DECL
#include "quern/Codegen/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quern/Codegen/Passes.h.inc"

} // namespace quern::codegen

#endif // QUERN_CODEGEN_PASSES_H
