// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The dialect `codec`: registration and verifiers.

#include "Codec.h"

#include "mlir/IR/Builders.h"

#include "CodecDialect.cpp.inc"
#define GET_OP_CLASSES
#include "CodecOps.cpp.inc"

using namespace mlir;

void codec::CodecDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "CodecOps.cpp.inc"
      >();
}

LogicalResult codec::ElementOp::verifyRegions() {
  Block &block = getDecode().front();
  // element_c2
  if (block.getNumArguments() != 1 ||
      !block.getArgument(0).getType().isSignlessInteger(32)) {
    InFlightDiagnostic diagnostic = emitOpError(
        "expects a region with one argument, an i32, but got arguments (");
    llvm::interleaveComma(block.getArgumentTypes(), diagnostic);
    return diagnostic << ")";
  }
  // element_c3
  if (!isa<YieldOp>(block.back()))
    return emitOpError("expects its region to end with codec.yield, but got ")
           << block.back().getName();
  return success();
}
