// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Everything that can reject an operation of check.

#include "quern/Dialect/Check/IR/CheckOps.h"

using namespace mlir;
using namespace quern::check;

LogicalResult WithinOp::verify() {
  // within_c2
  if (bool(getBound()) == getAbsolute().has_value())
    return emitOpError() << "expects either 'bound' or 'absolute', but got "
                         << (getBound() ? "both" : "neither");
  // within_c3
  if (getBound() && getBound().getType() != getActual().getType())
    return emitOpError() << "expects a bound of type " << getActual().getType()
                         << ", but got " << getBound().getType();
  // within_c4
  if (getAbsolute() && (getAbsolute()->isNaN() || getAbsolute()->isNegative()))
    return emitOpError() << "expects a bound that is not negative, but got "
                         << getAbsoluteAttr();
  return success();
}
