// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Registration of the param dialect.

#include "quern/Dialect/Param/IR/ParamDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quern::param;

#include "quern/Dialect/Param/IR/ParamDialect.cpp.inc"

#include "quern/Dialect/Param/IR/ParamInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "quern/Dialect/Param/IR/ParamAttrs.cpp.inc"

#define GET_OP_CLASSES
#include "quern/Dialect/Param/IR/ParamOps.cpp.inc"

void ParamDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "quern/Dialect/Param/IR/ParamAttrs.cpp.inc"
      >();
}

void ParamDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "quern/Dialect/Param/IR/ParamOps.cpp.inc"
      >();
}
