// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Import of a model, whatever it is stored in.

#include "quern/Import/Import.h"

namespace quern::import {

bool isGguf(const std::string &path) {
  const std::string suffix = ".gguf";
  return path.size() >= suffix.size() &&
         path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0;
}

Result<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext &context, const std::string &path,
            const ImportOptions &options) {
  return isGguf(path) ? importGguf(context, path, options)
                      : importHuggingFace(context, path, options);
}

} // namespace quern::import
