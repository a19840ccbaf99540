// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Registration of the qk dialect.

#include "quern/Dialect/QK/IR/QKDialect.h"

#include "mlir/IR/Builders.h"
#include "quern/Dialect/Param/IR/ParamDialect.h"
#include "quern/Dialect/QK/IR/QKOps.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTDialect.h"

using namespace mlir;
using namespace quern::qk;

#include "quern/Dialect/QK/IR/QKDialect.cpp.inc"

#define GET_OP_CLASSES
#include "quern/Dialect/QK/IR/QKOps.cpp.inc"

void QKDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "quern/Dialect/QK/IR/QKOps.cpp.inc"
      >();
}
