// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What passes that change weights share.

#include "quern/Dialect/Param/IR/ParamUtils.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/SymbolTable.h"

using namespace quern;

void param::emitRemarks(const RemarkMap &remarks) {
  for (const auto &[text, globals] : remarks) {
    GlobalOp first = globals.front();
    mlir::InFlightDiagnostic remark = mlir::emitRemark(first.getLoc());
    remark << "'" << first.getSymName() << "'";
    if (globals.size() > 1)
      remark << " and " << globals.size() - 1 << " more";
    remark << ": " << text;
  }
}

void param::updateLoadTypes(mlir::ModuleOp module) {
  mlir::SymbolTable symbols(module);
  module.walk([&](LoadOp load) {
    auto global = symbols.lookup<GlobalOp>(load.getGlobal());
    load.getResult().setType(global.getTensorType());
  });
}
