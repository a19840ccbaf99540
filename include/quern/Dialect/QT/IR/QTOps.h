// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations of the qt dialect.

#ifndef QUERN_DIALECT_QT_IR_QTOPS_H
#define QUERN_DIALECT_QT_IR_QTOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTDialect.h"

#define GET_OP_CLASSES
#include "quern/Dialect/QT/IR/QTOps.h.inc"

#endif // QUERN_DIALECT_QT_IR_QTOPS_H
