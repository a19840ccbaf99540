// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Everything that can reject an attribute or operation of param.

#include "quern/Dialect/Param/IR/ParamOps.h"

#include "mlir/IR/BuiltinDialect.h"

using namespace mlir;
using namespace quern::param;

LogicalResult ExternalAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   StringAttr scope, StringAttr key) {
  if (scope.empty() || key.empty())
    return emitError() << "expects a scope and a key that are not empty, but "
                          "got "
                       << scope << " and " << key;
  return success();
}

LogicalResult ViewAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               ExternalAttr source, int64_t first, int64_t run,
                               int64_t stride, bool transposed) {
  // The bound keeps every product of two of them far from overflow.
  constexpr int64_t most = int64_t(1) << 30;
  auto isSane = [](int64_t number) { return number >= 1 && number <= most; };
  if (first < 0 || first > most || !isSane(run) || !isSane(stride))
    return emitError() << "expects a first row from 0, a run and a stride from "
                          "1, each up to "
                       << most << ", but got " << first << ", " << run
                       << " and " << stride;
  return success();
}

LogicalResult StackAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                StringAttr scope, StringAttr key,
                                int64_t count) {
  if (key.getValue().count('*') != 1 || scope.empty())
    return emitError() << "expects a scope and a key with one star, but got "
                       << scope << " and " << key;
  if (count < 1 || count > 65536)
    return emitError() << "expects a count from 1 to 65536, but got " << count;
  return success();
}

LogicalResult SumAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              Attribute source, FloatAttr addend) {
  if (isa<BuiltinDialect>(source.getDialect()))
    return emitError() << "expects an initial value such as "
                          "#param.external<...>, but got the builtin attribute "
                       << source;
  if (!addend.getType().isF32() || !addend.getValue().isFinite())
    return emitError() << "expects a finite f32 to add, but got " << addend;
  return success();
}

LogicalResult GlobalOp::verify() {
  auto isBuiltin = [](Attribute attribute) {
    return isa<BuiltinDialect>(attribute.getDialect());
  };
  // global_c2
  if (isBuiltin(getValue()))
    return emitOpError() << "expects an initial value such as "
                            "#param.external<...>, but got the builtin "
                            "attribute "
                         << getValue();
  // global_c3
  if (Attribute layout = getLayoutAttr(); layout && isBuiltin(layout))
    return emitOpError() << "expects a layout such as #qk.layout<...>, but got "
                            "the builtin attribute "
                         << layout;
  // global_c4
  if (auto value = dyn_cast<VerifiableInitialValue>(getValue()))
    return value.verifyInitialValue(getTensorType(),
                                    [&] { return emitOpError(); });
  return success();
}

LogicalResult LoadOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  // load_c1
  auto global =
      symbolTable.lookupNearestSymbolFrom<GlobalOp>(*this, getGlobalAttr());
  if (!global)
    return emitOpError() << "expects the name of a param.global, but got "
                         << getGlobalAttr();
  // load_c2
  if (global.getType() != getType()) {
    InFlightDiagnostic diagnostic =
        emitOpError() << "expects the type of the global, " << global.getType()
                      << ", but got " << getType();
    diagnostic.attachNote(global.getLoc()) << "the global is declared here";
    return diagnostic;
  }
  return success();
}
