// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How checkpoints are quantized, one method of several entries of
// share/checkpoints.txt each, and what their configurations say.

#ifndef QUERN_LIB_EXPORT_CHECKPOINT_METHODS_H
#define QUERN_LIB_EXPORT_CHECKPOINT_METHODS_H

#include "quern/Numerics/Format.h"
#include "quern/Weights/Checkpoints.h"

#include "llvm/Support/JSON.h"

namespace quern::exporter {

/// A weight that an entry holds.
struct StoredWeight {
  std::string name; ///< `x.weight`
  numerics::Format format;
  const weights::CheckpointEntry *entry = nullptr;
  weights::CheckpointParameters parameters;

  std::string module() const { return name.substr(0, name.rfind('.')); }
};

/// An entry and what it is tried with.
struct Candidate {
  std::string entry;
  std::vector<std::pair<std::string, std::string>> parameters;
};

/// A container, as share/checkpoint-methods.txt lists it.
struct Method {
  std::string container;
  std::string holds;                 ///< the formats, for people
  std::vector<Candidate> candidates; ///< the first that holds a format is taken
};

/// `quantization_config` of config.json. `plain` are modules that are linear
/// layers and stay numbers.
Result<llvm::json::Object>
describeMethod(const Method &method, const std::vector<StoredWeight> &weights,
               const std::vector<std::string> &plain);

/// Null for an unknown name.
const Method *findMethod(const std::string &container);
const std::vector<Method> &allMethods();

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_CHECKPOINT_METHODS_H
