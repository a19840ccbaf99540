// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes models as quantized checkpoints of Hugging Face.

#ifndef QUERN_EXPORT_CHECKPOINT_H
#define QUERN_EXPORT_CHECKPOINT_H

#include "quern/Export/Container.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quern::exporter {

/// The ways to quantize a checkpoint that can be written: the names of
/// share/checkpoint-methods.txt.
std::vector<std::string> checkpointContainers();

struct CheckpointPlan {
  std::vector<ContainerTensor> tensors;
  /// For each weight of the model, the first of its tensors.
  std::vector<size_t> begins;
  std::string quantization; ///< JSON: `quantization_config` of config.json
};

/// The tensors of `module` as `container` (NAME, or NAME/VARIANT) has them,
/// whose weights get their layouts in it, by the lines of
/// share/checkpoints.txt. Weights without a format stay numbers. Unsupported
/// names the weight, its format, what the container holds, and what can be
/// done.
Result<CheckpointPlan> planCheckpoint(mlir::ModuleOp module,
                                      const std::string &container);

/// Creates model.safetensors in `folder`, or if the tensors have more than
/// `shardBytes` bytes several files beside model.safetensors.index.json, each
/// of which holds weights whole. A weight of more bytes has a file of its own.
/// Space is reserved. Errors: Io, Unsupported for a header that readers refuse.
Result<std::unique_ptr<ContainerWriter>>
createCheckpointFiles(const std::string &folder, const CheckpointPlan &plan,
                      uint64_t shardBytes);

/// Creates a temporary file beside `path` and writes the header of `tensors`,
/// for which space is reserved.
Result<std::unique_ptr<ContainerWriter>>
createSafetensors(const std::string &path,
                  const std::vector<ContainerTensor> &tensors);

/// Tokens at which texts begin and end.
struct SpecialTokens {
  std::optional<int64_t> begin;
  std::vector<int64_t> ends;
};

/// config.json of a checkpoint: `original`, that of the folder a model comes
/// from, or if that is "" what the IR and `tokens` say, with `quantization`;
/// without quantization_config if that is "".
Result<std::string> checkpointConfig(mlir::ModuleOp module,
                                     const std::string &original,
                                     const SpecialTokens &tokens,
                                     const std::string &quantization);

} // namespace quern::exporter

#endif // QUERN_EXPORT_CHECKPOINT_H
