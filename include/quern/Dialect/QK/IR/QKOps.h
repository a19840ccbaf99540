// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations of the qk dialect.

#ifndef QUERN_DIALECT_QK_IR_QKOPS_H
#define QUERN_DIALECT_QK_IR_QKOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QK/IR/QKDialect.h"

#define GET_OP_CLASSES
#include "quern/Dialect/QK/IR/QKOps.h.inc"

#endif // QUERN_DIALECT_QK_IR_QKOPS_H
