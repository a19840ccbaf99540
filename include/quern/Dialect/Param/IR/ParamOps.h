// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations of the param dialect.

#ifndef QUERN_DIALECT_PARAM_IR_PARAMOPS_H
#define QUERN_DIALECT_PARAM_IR_PARAMOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Dialect/Param/IR/ParamDialect.h"
#include "quern/Dialect/Param/IR/ParamInterfaces.h"

#define GET_OP_CLASSES
#include "quern/Dialect/Param/IR/ParamOps.h.inc"

#endif // QUERN_DIALECT_PARAM_IR_PARAMOPS_H
