// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the attributes of initial values may know of the weight that they
// are of.

#ifndef QUERN_DIALECT_PARAM_IR_PARAMINTERFACES_H
#define QUERN_DIALECT_PARAM_IR_PARAMINTERFACES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"

#include "quern/Dialect/Param/IR/ParamInterfaces.h.inc"

#endif // QUERN_DIALECT_PARAM_IR_PARAMINTERFACES_H
