// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The object that joins generated code, weights file and runtime.

#ifndef QUERN_EXPORT_EMITTABLE_H
#define QUERN_EXPORT_EMITTABLE_H

#include "quern/Artifact/Writer.h"
#include "quern/Base/Status.h"
#include <string>
#include <vector>

namespace quern::exporter {

/// One instruction set of a model.
struct VariantRecord {
  std::string isa; ///< its code is `quern_forward_<isa>`
  uint64_t requiredFeatures = 0;
  std::string kernels; ///< JSON object, of quern_api.kernels
  uint64_t kernelCount = 0;
};

/// The content of quern_model_table (Runtime/StepABI.h).
struct ModelTable {
  std::string triple;                  ///< of every object of the model
  std::string description;             ///< JSON object
  std::vector<VariantRecord> variants; ///< best first
  artifact::WeightsFileRecord weights;
  uint64_t arenaBytes = 0;
  uint64_t scratchBytes = 0;
  uint64_t scratchBytesPerToken = 0;
  uint64_t cacheBytesPerToken = 0;
  uint64_t maxChunk = 0;
  uint64_t maxContext = 0;
  uint64_t vocabulary = 0;
};

/// Writes an object that defines `quern_generated_model`, and
/// `quern_tensor_offsets` with the offset of every tensor of `table.weights`.
Status emitTable(const ModelTable &table, const std::string &path);

/// Whether this compiler was built with a runtime for `triple`; else an error
/// that says what to do.
Status checkRuntime(const std::string &triple);

/// Writes the runtime for `triple`, as an archive that can be linked, to
/// `path`.
Status writeRuntimeArchive(const std::string &triple, const std::string &path);

} // namespace quern::exporter

#endif // QUERN_EXPORT_EMITTABLE_H
