// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The qk dialect: which byte, which kernel?

#ifndef QUERN_DIALECT_QK_IR_QKDIALECT_H
#define QUERN_DIALECT_QK_IR_QKDIALECT_H

#include "mlir/IR/Dialect.h"

#include "quern/Dialect/QK/IR/QKDialect.h.inc"

#endif // QUERN_DIALECT_QK_IR_QKDIALECT_H
