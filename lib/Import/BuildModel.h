// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The graph of an architecture.

#ifndef QUERN_LIB_IMPORT_BUILDMODEL_H
#define QUERN_LIB_IMPORT_BUILDMODEL_H

#include "Architecture.h"
#include "quern/Import/Import.h"
#include "quern/Weights/WeightSource.h"

namespace quern::import {

/// Builds the module of `architecture`, whose tensors `source` holds as
/// `checkTensors` found. The element types of globals are those of the files.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
buildModel(mlir::MLIRContext &context, const Architecture &architecture,
           const weights::WeightSource &source, const ImportOptions &options);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_BUILDMODEL_H
