// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The part of an export that only ONNX files have.

#ifndef QUERN_LIB_PIPELINES_EXPORTONNX_H
#define QUERN_LIB_PIPELINES_EXPORTONNX_H

#include "mlir/IR/BuiltinOps.h"
#include "quern/Export/Container.h"
#include "quern/Pipelines/Export.h"

#include <memory>

namespace quern::pipelines {

/// A container that waits for its tensors.
struct ContainerFile {
  std::vector<exporter::ContainerTensor> tensors;
  std::unique_ptr<exporter::ContainerWriter> writer;
};

/// Plans `module`, which gets its layouts, and creates what `options` names.
Result<ContainerFile> openOnnx(mlir::ModuleOp module,
                               const ExportOptions &options);

} // namespace quern::pipelines

#endif // QUERN_LIB_PIPELINES_EXPORTONNX_H
