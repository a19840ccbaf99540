// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes models as quantized checkpoints of Hugging Face.

#ifndef QUERN_EXPORT_CHECKPOINT_H
#define QUERN_EXPORT_CHECKPOINT_H

#include "quern/Export/Container.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace quern::exporter {

/// The ways to quantize a checkpoint that can be written.
std::vector<std::string> checkpointContainers();

struct CheckpointPlan {
  std::vector<ContainerTensor> tensors;
  std::string quantization; ///< JSON: `quantization_config` of config.json
};

/// The tensors of `module` as `container` has them, whose weights get their
/// layouts in it, by the lines of share/checkpoints.txt. Weights without a
/// format stay numbers. Errors name the weight, its format, what the container
/// holds, and what can be done.
Result<CheckpointPlan> planCheckpoint(mlir::ModuleOp module,
                                      const std::string &container);

/// Creates a temporary file beside `path` and writes the header of `tensors`,
/// for which space is reserved.
Result<std::unique_ptr<ContainerWriter>>
createSafetensors(const std::string &path,
                  const std::vector<ContainerTensor> &tensors);

/// config.json of a checkpoint: `original`, that of the folder a model comes
/// from, or if that is "" what the IR says, with the quantization of the plan.
Result<std::string> checkpointConfig(mlir::ModuleOp module,
                                     const std::string &original,
                                     const std::string &quantization);

} // namespace quern::exporter

#endif // QUERN_EXPORT_CHECKPOINT_H
