// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How checkpoints are quantized, one method of several entries of
// share/checkpoints.txt each, and what their configurations say.

#ifndef QUERN_LIB_EXPORT_CHECKPOINT_METHODS_H
#define QUERN_LIB_EXPORT_CHECKPOINT_METHODS_H

#include "quern/Export/Container.h"
#include "quern/Numerics/Format.h"
#include "quern/Weights/Checkpoints.h"

#include "llvm/Support/JSON.h"

namespace quern::exporter {

/// An entry and what it is tried with.
struct Candidate {
  std::string entry;
  std::string variant; ///< of the container; "" where there is one only
  std::vector<std::pair<std::string, std::string>> parameters;
};

/// A container, as share/checkpoint-methods.txt lists it.
struct Method {
  std::string container;
  std::string holds;                 ///< the formats, for people
  std::vector<Candidate> candidates; ///< the first that holds a format is taken
};

/// A weight that an entry holds.
struct StoredWeight {
  std::string name; ///< `x.weight`
  numerics::Format format;
  const weights::CheckpointEntry *entry = nullptr;
  std::string variant;
  weights::CheckpointParameters parameters;

  /// What `x` is where the name is `x.weight`.
  std::string module() const { return name.substr(0, name.rfind('.')); }
};

/// The method that `container` names, its candidates those of the variant if it
/// names one. Unsupported for a name that is unknown; the message lists all.
Result<Method> findMethod(const std::string &container);
const std::vector<Method> &allMethods();

/// `weight`, whose name and format are set, as the first of the candidates
/// stores it that can hold a matrix of [rows, cols] of this format. False if
/// none holds the format; fails if only the extents do not fit.
Result<bool> findEntry(const Method &method, int64_t rows, int64_t cols,
                       StoredWeight &weight);

/// Sets type, shape, bytes and contents of a tensor that says something of
/// `weight` and is no segment of it. `dtype` is safetensors' name of the type
/// in which the weight is computed with.
Status fillContents(const StoredWeight &weight,
                    const weights::CheckpointTensor &tensor,
                    const std::string &dtype, ContainerTensor &filled);

/// `quantization_config` of config.json. `plain` are modules that are linear
/// layers and stay numbers.
Result<llvm::json::Object>
describeMethod(const Method &method, const std::vector<StoredWeight> &weights,
               const std::vector<std::string> &plain);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_CHECKPOINT_METHODS_H
