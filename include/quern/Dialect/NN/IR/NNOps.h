// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations of the nn dialect.

#ifndef QUERN_DIALECT_NN_IR_NNOPS_H
#define QUERN_DIALECT_NN_IR_NNOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "quern/Dialect/NN/IR/NNAttrs.h"
#include "quern/Dialect/NN/IR/NNDialect.h"
#include "quern/Dialect/NN/IR/NNTypes.h"

#define GET_OP_CLASSES
#include "quern/Dialect/NN/IR/NNOps.h.inc"

#endif // QUERN_DIALECT_NN_IR_NNOPS_H
