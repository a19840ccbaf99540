// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From a model to another container, in one call.

#ifndef QUERN_PIPELINES_EXPORT_H
#define QUERN_PIPELINES_EXPORT_H

#include "quern/Base/Status.h"
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace quern::pipelines {

struct ExportOptions {
  std::string modelPath;  ///< Hugging Face folder or GGUF file
  std::string outputPath; ///< what is there is replaced at the end
  std::string container;  ///< one of containerNames()
  /// As in CompileOptions; empty leaves weights as the model holds them.
  std::string format;
  std::vector<std::pair<std::string, std::string>> rules;
  std::string formatsFile;
  std::string solver = "rtn";
  /// Of the container onnx, how quantized matrices are written: auto, qdq or
  /// matmulnbits, as quern/Export/Onnx.h says.
  std::string onnxWeights = "auto";
  unsigned threads = 0; ///< 0: one a processor
  /// Called with a stage's name and how much of it is done, 0 to 1. Where it
  /// returns false the export stops soon, as after an error.
  std::function<bool(const std::string &stage, double fraction)> progress;
};

/// Writes a model into another container. Weights are quantized as `format` and
/// `rules` say, and else keep their codes, which go from the layout of the one
/// container to that of the other. One weight is held at a time.
///
/// The result is a report in JSON: {"output", "container", "weight_bytes",
/// "bits_per_weight", "types": {type: tensors}, "notes"}. On an error nothing
/// is left behind, and what was at `outputPath` is as it was. Errors name the
/// weight that the container cannot hold, its format, and what can be done.
Result<std::string> exportModel(const ExportOptions &options);

/// What models can be written as.
std::vector<std::string> containerNames();

} // namespace quern::pipelines

#endif // QUERN_PIPELINES_EXPORT_H
