// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The nn dialect: which operation?

#ifndef QUERN_DIALECT_NN_IR_NNDIALECT_H
#define QUERN_DIALECT_NN_IR_NNDIALECT_H

#include "mlir/IR/Dialect.h"

#include "quern/Dialect/NN/IR/NNDialect.h.inc"

#endif // QUERN_DIALECT_NN_IR_NNDIALECT_H
