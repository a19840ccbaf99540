// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The methods by which checkpoints are quantized, one small file each:
// what a configuration says of each weight, in terms of share/checkpoints.txt.

#ifndef QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_METHODS_H
#define QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_METHODS_H

#include "../Config.h"
#include "quern/Weights/Checkpoints.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace quern::import {

/// How one weight is stored.
struct StoredScheme {
  std::string entry; ///< of share/checkpoints.txt
  /// Its parameters, but for those of extents and of types, which tensors say.
  weights::CheckpointParameters parameters;
  int64_t blockRows = 1; ///< 0: the whole axis
  int64_t blockCols = 0;
  std::map<std::string, double> constants; ///< that no tensor holds
};

/// A weight of the model, and where its tensors may be.
struct WeightRequest {
  const std::string &name; ///< `x.weight`
  int64_t rows;
  int64_t cols;
  const weights::WeightSource &source;

  std::string module() const { return name.substr(0, name.rfind('.')); }
  const weights::TensorInfo *find(const std::string &suffix) const {
    return source.find(module() + "." + suffix);
  }
};

class CheckpointMethod {
public:
  virtual ~CheckpointMethod();
  /// Reads what the files of weights say of the method. The first call.
  virtual Status open(const weights::WeightSource &source);
  /// How the weight is stored; nothing where it is plain numbers.
  virtual Result<std::optional<StoredScheme>>
  schemeOf(const WeightRequest &weight) const = 0;
  /// Fails if a rule of the configuration names none of `modules`, those of all
  /// matrices of the model: what was meant for them is somewhere else.
  virtual Status checkRules(const std::vector<std::string> &modules) const;
  /// Whether some weights must be quantized.
  virtual bool isOfWeights() const { return true; }
};

/// Each reads one value of `quant_method`; errors are kept in `config`, and
/// what is returned then must not be used.
using MethodReader = std::unique_ptr<CheckpointMethod>(Config &config);
MethodReader readGptq, readAwq, readCompressedTensors, readBitsAndBytes,
    readFineGrainedFloat8, readFbgemmFloat8, readModelOpt, readHqq, readTorchAo;

/// The method of the folder whose config.json is `config`: its member
/// `quantization_config`, or a file of an older convention beside it. Null if
/// there is none.
Result<std::unique_ptr<CheckpointMethod>>
readCheckpointMethod(Config &config, const std::string &folder);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_METHODS_H
