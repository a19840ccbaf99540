// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attributes of the nn dialect.

#ifndef QUERN_DIALECT_NN_IR_NNATTRS_H
#define QUERN_DIALECT_NN_IR_NNATTRS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "quern/Dialect/NN/IR/NNEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "quern/Dialect/NN/IR/NNAttrs.h.inc"

#endif // QUERN_DIALECT_NN_IR_NNATTRS_H
