// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Evaluation of the qt dialect.

#include "quern/Dialect/QT/IR/QTOps.h"
#include "Scope.h"
#include "Types.h"
#include "quern/Reference/Quantize.h"

using namespace quern;
using namespace quern::reference;

static Status evalQuantize(qt::QuantizeOp op, Scope &scope) {
  qt::FormatAttr format = qt::getFormatAttr(op.getType());
  return scope.set(op.getResult(),
                   quantize(scope.tensor(op.getInput()), format.getFormat()));
}

static Status evalDequantize(qt::DequantizeOp op, Scope &scope) {
  return scope.set(op.getResult(),
                   roundToElement(scope.tensor(op.getInput()),
                                  op.getType().getElementType()));
}

static Status evalObserve(qt::ObserveOp op, Scope &scope) {
  scope.observe(op.getName(), scope.tensor(op.getInput()));
  return Status::ok();
}

void reference::addQTOps(OpTable &table) {
  table.add(evalQuantize);
  table.add(evalDequantize);
  table.add(evalObserve);
}
