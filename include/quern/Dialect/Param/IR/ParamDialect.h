// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The param dialect: which weight?

#ifndef QUERN_DIALECT_PARAM_IR_PARAMDIALECT_H
#define QUERN_DIALECT_PARAM_IR_PARAMDIALECT_H

#include "mlir/IR/Dialect.h"

#include "quern/Dialect/Param/IR/ParamDialect.h.inc"

#endif // QUERN_DIALECT_PARAM_IR_PARAMDIALECT_H
