// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What a weight holds before the first token: attributes of param.

#ifndef QUERN_DIALECT_PARAM_IR_PARAMATTRS_H
#define QUERN_DIALECT_PARAM_IR_PARAMATTRS_H

#include "mlir/IR/BuiltinAttributes.h"

#define GET_ATTRDEF_CLASSES
#include "quern/Dialect/Param/IR/ParamAttrs.h.inc"

#endif // QUERN_DIALECT_PARAM_IR_PARAMATTRS_H
