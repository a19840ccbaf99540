// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Editor support for .mlir files with Quern's dialects.

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "quern/InitAllDialects.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  quern::registerAllDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
