// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of mapped files, of any container.

#ifndef QUERN_LIB_WEIGHTS_MAPPEDSOURCE_H
#define QUERN_LIB_WEIGHTS_MAPPEDSOURCE_H

#include "quern/Base/MappedFile.h"
#include "quern/Weights/WeightSource.h"

#include <deque>
#include <functional>

namespace quern::weights {

/// Owns the mappings that its tensors point into.
class MappedSource : public WeightSource {
public:
  explicit MappedSource(std::string path) : sourcePath(std::move(path)) {}

  /// Finds the tensors in a file; its messages do not name the file.
  using Reader =
      std::function<Result<std::vector<TensorInfo>>(Span<const uint8_t> file)>;

  /// Maps `file` and adds the tensors that `read` finds, unsorted.
  Status addFile(const std::string &file, const Reader &read);

  void setMetadata(Metadata metadata) { facts = std::move(metadata); }

  /// Sorts all tensors by name and requires the names to be distinct.
  Status finish();

  Span<const TensorInfo> tensors() const override { return all; }
  const std::string &path() const override { return sourcePath; }
  const Metadata &metadata() const override { return facts; }
  void release(const TensorInfo &tensor) const override;

private:
  std::string sourcePath;
  std::deque<MappedFile> files; ///< stable: tensors point to their file's path
  std::vector<TensorInfo> all;
  Metadata facts;
};

} // namespace quern::weights

#endif // QUERN_LIB_WEIGHTS_MAPPEDSOURCE_H
