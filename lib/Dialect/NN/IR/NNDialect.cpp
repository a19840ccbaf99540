// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Registration of the nn dialect.

#include "quern/Dialect/NN/IR/NNDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quern::nn;

#include "quern/Dialect/NN/IR/NNDialect.cpp.inc"
#include "quern/Dialect/NN/IR/NNEnums.cpp.inc"

static ParseResult parseFloats(AsmParser &parser, DenseF32ArrayAttr &floats) {
  floats = llvm::dyn_cast_or_null<DenseF32ArrayAttr>(
      DenseF32ArrayAttr::parse(parser, Type()));
  return success(floats != nullptr);
}

/// Prints "[1.0, 0.5]" so that every number reads back as itself; the array's
/// own printer keeps seven digits.
static void printFloats(AsmPrinter &printer, DenseF32ArrayAttr floats) {
  printer << "[";
  llvm::interleaveComma(floats.asArrayRef(), printer, [&](float value) {
    printer.printFloat(llvm::APFloat(value));
  });
  printer << "]";
}

#define GET_ATTRDEF_CLASSES
#include "quern/Dialect/NN/IR/NNAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "quern/Dialect/NN/IR/NNTypes.cpp.inc"

#define GET_OP_CLASSES
#include "quern/Dialect/NN/IR/NNOps.cpp.inc"

void NNDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "quern/Dialect/NN/IR/NNAttrs.cpp.inc"
      >();
}

void NNDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "quern/Dialect/NN/IR/NNTypes.cpp.inc"
      >();
}

void NNDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "quern/Dialect/NN/IR/NNOps.cpp.inc"
      >();
}
