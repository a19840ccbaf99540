// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From a model to an artifact, in one call.

#ifndef QUERN_PIPELINES_COMPILE_H
#define QUERN_PIPELINES_COMPILE_H

#include "quern/Base/Status.h"
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace quern::pipelines {

/// How weights get the formats that are asked for.
enum class WeightEncoding {
  Quantize,  ///< their numbers are coded
  Transcode, ///< codes become codes of the same numbers, or it is an error
  ReEncode,  ///< where that cannot be, numbers are coded with a bounded error
};

struct CompileOptions {
  std::string modelPath;  ///< Hugging Face folder or GGUF file
  std::string outputPath; ///< artifact folder; an earlier artifact is replaced
  /// Name or text of the format of all weights that no rule matches; empty
  /// leaves them as the model holds them.
  std::string format;
  /// Pattern of weight names and format; the last that matches decides.
  std::vector<std::pair<std::string, std::string>> rules;
  /// Whether `format` is for the layers only: embedding and output matrix get
  /// another by a rule.
  bool layersOnly = false;
  /// Of an export; an artifact's weights are quantized.
  WeightEncoding encoding = WeightEncoding::Quantize;
  std::string compute = "f32"; ///< f32, bf16 or int8
  /// Name or text of the format of activations in int8, i8 [1, G], scale f32;
  /// empty: groups as numerics::activationGroup() gives them.
  std::string activations;
  /// Names of instruction sets or of groups of them (Codegen/CPU/Target.h).
  std::string target = "all";
  std::string formatsFile; ///< more named formats; may be empty
  /// Name or text of the format of keys and values; its blocks divide a row
  /// [1, head_dim].
  std::string kvCache = "f16";
  bool kvRotate = false;      ///< by a Hadamard matrix, before they are coded
  std::string solver = "rtn"; ///< rtn or mse
  int64_t context = 0;        ///< most tokens of a session; 0: the model's
  unsigned threads = 0;       ///< 0: one a processor
  /// Called with a stage's name and how much of it is done, 0 to 1. Where it
  /// returns false the compilation stops soon, as after an error.
  std::function<bool(const std::string &stage, double fraction)> progress;
  /// If not empty, the folder that receives the IR of every stage and the
  /// assembly of every instruction set.
  std::string dumpPath;
};

/// Compiles a model. The result is a report in JSON: {"output", "weight_bytes",
/// "bits_per_weight", "peak_bytes_predicted", "isas", "notes": [texts, such as
/// fallbacks], "seconds": {stage: time}}. On an error nothing is left behind
/// and an earlier artifact is as it was.
Result<std::string> compileModel(const CompileOptions &options);

/// The IR of an imported model.
Result<std::string> importToText(const std::string &modelPath);

/// What a file of weights holds, in JSON: {"facts": {key: value}, "tensors":
/// [{"name", "shape", "type", "bytes"}]}. Of a list of more than 16 values only
/// the length is told.
Result<std::string> describeWeights(const std::string &path);

} // namespace quern::pipelines

#endif // QUERN_PIPELINES_COMPILE_H
