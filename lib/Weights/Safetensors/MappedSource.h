// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of mapped safetensors files.

#ifndef QUERN_LIB_WEIGHTS_SAFETENSORS_MAPPEDSOURCE_H
#define QUERN_LIB_WEIGHTS_SAFETENSORS_MAPPEDSOURCE_H

#include "quern/Base/MappedFile.h"
#include "quern/Weights/WeightSource.h"

#include <deque>

namespace quern::weights {

/// Owns the mappings that its tensors point into.
class MappedSource : public WeightSource {
public:
  explicit MappedSource(std::string path) : sourcePath(std::move(path)) {}

  /// Maps `file` and adds its tensors, unsorted.
  Status addFile(const std::string &file);

  /// Sorts all tensors by name and requires the names to be distinct.
  Status finish();

  Span<const TensorInfo> tensors() const override { return all; }
  const std::string &path() const override { return sourcePath; }
  void release(const TensorInfo &tensor) const override;

private:
  std::string sourcePath;
  std::deque<MappedFile> files; ///< stable: tensors point to their file's path
  std::vector<TensorInfo> all;
};

} // namespace quern::weights

#endif // QUERN_LIB_WEIGHTS_SAFETENSORS_MAPPEDSOURCE_H
