// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From a model to another container, in one call.

#ifndef QUERN_PIPELINES_EXPORT_H
#define QUERN_PIPELINES_EXPORT_H

#include "quern/Base/Status.h"
#include "quern/Pipelines/Compile.h"
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace quern::pipelines {

struct ExportOptions {
  std::string modelPath;  ///< Hugging Face folder or GGUF file
  std::string outputPath; ///< what is there is replaced at the end
  /// One of containerNames(), or `NAME/VARIANT` (share/checkpoint-methods.txt).
  std::string container;
  /// As in CompileOptions; empty leaves weights as the model holds them.
  std::string format;
  std::vector<std::pair<std::string, std::string>> rules;
  std::string formatsFile;
  WeightEncoding encoding = WeightEncoding::Quantize;
  std::string solver = "rtn";
  /// Of the container onnx, how quantized matrices are written: auto, qdq or
  /// matmulnbits, as quern/Export/Onnx.h says.
  std::string onnxWeights = "auto";
  unsigned threads = 0; ///< 0: one a processor
  /// Containers that may be of several files: the most bytes of tensors in one;
  /// 0: what is usual, all in a GGUF file and 5 GB in one of a folder.
  uint64_t shardBytes = 0;
  /// Called with a stage's name and how much of it is done, 0 to 1. Where it
  /// returns false the export stops soon, as after an error.
  std::function<bool(const std::string &stage, double fraction)> progress;
};

/// Writes a model into another container. Weights are quantized, or transcoded,
/// as `format`, `rules` and `encoding` say, and else keep their codes, which go
/// from the layout of the one container to that of the other. One weight is
/// held at a time.
///
/// The result is a report in JSON: {"output", "container", "weight_bytes",
/// "bits_per_weight", "types": {type: tensors}, "notes"}. On an error nothing
/// is left behind, and what was at `outputPath` is as it was. Errors name the
/// weight that the container cannot hold, its format, and what can be done; of
/// a transcoding, all weights whose numbers have no codes, what is lost and a
/// bound of the error.
Result<std::string> exportModel(const ExportOptions &options);

/// What exportModel would write, without reading a weight or writing a file: of
/// `options` the model, the container, the format, the rules and the file of
/// formats count. Without a container, the model as it is and would be
/// quantized. The result is JSON:
///
///   "model"      what nn.model says: "architecture", "heads", "kv_heads", …
///   "refused"    why the container cannot hold it, as exportModel says it, or
///                ""
///   "weights"    [{"name", "shape": [rows, cols] or [n],
///                  "use": "linear", "expert", "embedding", "table" or
///                  "vector", "type": the container's name of it, or "",
///                  "format": text, "format_name": name or "",
///                  "code": "plain", "int", "float" or "codebook",
///                  "bits" of a code, "is_signed", "vector_size",
///                  "block": [rows, cols], 0 for a whole axis,
///                  "is_flat", "is_partial", "scale": text or "",
///                  "scale_levels", "offset": "none", "min", "add", "zero" or
///                  "mean", "offset_format": text or "",
///                  "columns": [keywords of transforms]}]
Result<std::string> planExport(const ExportOptions &options);

/// What models can be written as.
std::vector<std::string> containerNames();

} // namespace quern::pipelines

#endif // QUERN_PIPELINES_EXPORT_H
