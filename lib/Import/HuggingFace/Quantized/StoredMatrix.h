// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of one quantized weight: which they are, whether they fit
// one another, and what their bytes mean.

#ifndef QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_STOREDMATRIX_H
#define QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_STOREDMATRIX_H

#include "Methods.h"
#include "quern/Numerics/Layout.h"

#include <set>
#include <variant>

namespace quern::import {

/// A matrix of codes as a checkpoint has it.
struct StoredMatrix {
  numerics::Format format;
  numerics::Layout layout;
  /// Numbers, and the tensors that hold the rest.
  std::vector<std::variant<double, const weights::TensorInfo *>> tensors;
  bool hasOrder = false; ///< the last tensor is the groups of columns

  /// Codes are always in a tensor, and before the rest.
  const weights::TensorInfo &first() const {
    return *std::get<const weights::TensorInfo *>(tensors.front());
  }
};

/// Finds and checks the tensors of one matrix.
class StoredBinder {
public:
  StoredBinder(const weights::WeightSource &source, const std::string &name,
               const std::vector<int64_t> &shape, StoredScheme scheme)
      : source(source), name(name), rows(shape[0]), cols(shape[1]),
        scheme(std::move(scheme)) {}

  Result<StoredMatrix> bind(const weights::CheckpointEntry &entry,
                            std::set<std::string> &used);
  /// Sets what the extents and types of the weight's tensors say.
  Status setParameters();
  const weights::CheckpointParameters &parameters() const {
    return scheme.parameters;
  }

private:
  Status findTensors(std::set<std::string> &used);
  Status checkTensors();
  std::string mismatchOf(const weights::CheckpointTensor &expected,
                         const weights::TensorInfo &found) const;
  Status checkExtents(const weights::TensorInfo &tensor) const;
  Status readGroups(const weights::TensorInfo &tensor);
  Status checkBytes(const numerics::Layout &layout) const;
  Result<StoredMatrix> build();

  const weights::WeightSource &source;
  const std::string &name;
  int64_t rows, cols;
  StoredScheme scheme;
  const weights::CheckpointEntry *entry = nullptr;
  std::vector<const weights::TensorInfo *>
      tensors; ///< of the entry; null: absent
  const weights::TensorInfo *first = nullptr;
  const weights::TensorInfo *groups = nullptr; ///< null: columns lie in order
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_STOREDMATRIX_H
