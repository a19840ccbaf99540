// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The graph of an architecture.

#ifndef QUERN_LIB_IMPORT_BUILDMODEL_H
#define QUERN_LIB_IMPORT_BUILDMODEL_H

#include "Architecture.h"
#include "Container.h"
#include "quern/Import/Import.h"

namespace quern::import {

/// Loads the dialects of an imported module.
void loadModelDialects(mlir::MLIRContext &context);

/// Builds the module of `architecture`, all of whose weights `bound` holds.
/// `path` is that of the model, for messages.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
buildModel(mlir::MLIRContext &context, const Architecture &architecture,
           const BoundWeights &bound, const std::string &path);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_BUILDMODEL_H
