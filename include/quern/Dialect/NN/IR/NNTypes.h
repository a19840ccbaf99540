// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Types of the nn dialect.

#ifndef QUERN_DIALECT_NN_IR_NNTYPES_H
#define QUERN_DIALECT_NN_IR_NNTYPES_H

#include "mlir/IR/Types.h"

#define GET_TYPEDEF_CLASSES
#include "quern/Dialect/NN/IR/NNTypes.h.inc"

#endif // QUERN_DIALECT_NN_IR_NNTYPES_H
