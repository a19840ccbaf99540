// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes artifacts: nothing is seen under its final name before it is
// whole.

#ifndef QUERN_ARTIFACT_WRITER_H
#define QUERN_ARTIFACT_WRITER_H

#include "quern/Base/Span.h"
#include "quern/Base/Status.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace quern::artifact {

/// A weight that is going to be written.
struct TensorSpec {
  std::string name;       ///< unique, UTF-8, not beginning with `__`
  uint64_t bytes = 0;     ///< size in packed form
  std::string descriptor; ///< JSON object: what the bytes mean; "" for none
};

/// Where a weight lies in a finished file. The fields of quern_tensor_record.
struct TensorRecord {
  std::string name;
  uint64_t offset = 0; ///< in the data section
  uint64_t bytes = 0;
  uint64_t hash = 0; ///< XXH3_64bits of the bytes
};

/// What model.so states about its weights file.
struct WeightsFileRecord {
  uint64_t dataOffset = 0; ///< where the data section begins
  uint64_t fileBytes = 0;
  uint64_t headerHash = 0; ///< XXH3_64bits of the first dataOffset bytes
  std::vector<TensorRecord> tensors; ///< in the order of the specifications
};

/// Writes weights.safetensors tensor by tensor, in any order, holding none of
/// them. The disk space is reserved at the start, so that a full disk is
/// reported before the work and not after it.
class WeightsFileWriter {
public:
  /// Creates a temporary file beside `path` and writes the header. Errors:
  /// InvalidArgument (names, descriptors, a header too large), Io.
  static Result<WeightsFileWriter>
  create(const std::string &path, const std::vector<TensorSpec> &tensors);

  /// Writes all bytes of the tensor at `index` of the specifications. Distinct
  /// tensors may be written from distinct threads at a time. Errors:
  /// InvalidArgument (no such tensor, another size, written before), Io.
  Status write(size_t index, Span<const uint8_t> bytes);

  /// Syncs the file and gives it its name. Errors: InvalidArgument if a tensor
  /// was not written, Io.
  Result<WeightsFileRecord> finish();

  WeightsFileWriter(WeightsFileWriter &&);
  WeightsFileWriter &operator=(WeightsFileWriter &&);
  /// Removes the temporary file unless finished.
  ~WeightsFileWriter();

private:
  struct State;
  explicit WeightsFileWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

/// Replaces the file `path` by one with these bytes: written beside it, synced,
/// renamed. Io on failure, with `path` as it was.
Status writeFileAtomically(const std::string &path, Span<const uint8_t> bytes);
Status writeFileAtomically(const std::string &path, const std::string &text);

/// A folder that appears whole or not at all.
class ArtifactFolder {
public:
  /// Makes the folder `<output>.tmp-<random>` to write into. `output` must not
  /// exist, be empty, or be an artifact with no files but its own, which stays
  /// untouched until commit; else InvalidArgument. Io on failure.
  static Result<ArtifactFolder> create(const std::string &output);

  /// The folder to write into.
  const std::string &path() const { return temporary; }
  /// The path of `name` in it.
  std::string path(const std::string &name) const {
    return temporary + "/" + name;
  }

  /// Syncs the files and puts the folder at its place. The earlier artifact, if
  /// any, is removed then.
  Status commit();

  ArtifactFolder(ArtifactFolder &&other) noexcept { swap(other); }
  ArtifactFolder &operator=(ArtifactFolder &&other) noexcept {
    swap(other);
    return *this;
  }
  /// Removes the folder unless committed.
  ~ArtifactFolder();

private:
  ArtifactFolder() = default;
  void swap(ArtifactFolder &other) noexcept;

  std::string output;
  std::string temporary; ///< empty after commit
};

} // namespace quern::artifact

#endif // QUERN_ARTIFACT_WRITER_H
