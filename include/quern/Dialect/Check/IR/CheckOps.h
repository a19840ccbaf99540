// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations of the check dialect.

#ifndef QUERN_DIALECT_CHECK_IR_CHECKOPS_H
#define QUERN_DIALECT_CHECK_IR_CHECKOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "quern/Dialect/Check/IR/CheckDialect.h"

#define GET_OP_CLASSES
#include "quern/Dialect/Check/IR/CheckOps.h.inc"

#endif // QUERN_DIALECT_CHECK_IR_CHECKOPS_H
