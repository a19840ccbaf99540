// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Registration of the check dialect.

#include "quern/Dialect/Check/IR/CheckDialect.h"

#include "mlir/IR/Builders.h"
#include "quern/Dialect/Check/IR/CheckOps.h"

using namespace mlir;
using namespace quern::check;

#include "quern/Dialect/Check/IR/CheckDialect.cpp.inc"

#define GET_OP_CLASSES
#include "quern/Dialect/Check/IR/CheckOps.cpp.inc"

void CheckDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "quern/Dialect/Check/IR/CheckOps.cpp.inc"
      >();
}
