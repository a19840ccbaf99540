// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The check dialect: is it right? Tests only.

#ifndef QUERN_DIALECT_CHECK_IR_CHECKDIALECT_H
#define QUERN_DIALECT_CHECK_IR_CHECKDIALECT_H

#include "mlir/IR/Dialect.h"

#include "quern/Dialect/Check/IR/CheckDialect.h.inc"

#endif // QUERN_DIALECT_CHECK_IR_CHECKDIALECT_H
