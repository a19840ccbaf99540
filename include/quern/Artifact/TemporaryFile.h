// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A file that gets its name once it is whole.

#ifndef QUERN_ARTIFACT_TEMPORARYFILE_H
#define QUERN_ARTIFACT_TEMPORARYFILE_H

#include "quern/Base/Span.h"
#include "quern/Base/Status.h"

#include <cstdint>
#include <string>

namespace quern::artifact {

/// "`path`: cannot be `done`: " and the system's reason, from errno.
Status systemError(const std::string &path, const std::string &done);

/// `path` + ".tmp-" + 8 digits that another process hardly has.
std::string temporaryName(const std::string &path);

/// Syncs the folder that holds `path`, so that a rename in it lasts.
Status syncParent(const std::string &path);

/// A new file beside the final `path`, removed unless committed.
class TemporaryFile {
public:
  static Result<TemporaryFile> create(const std::string &path);

  /// Makes the file `bytes` long, with the space on disk if the file system can
  /// reserve it. New bytes are zero.
  Status reserve(uint64_t bytes);
  /// Safe for several threads at a time.
  Status writeAt(uint64_t offset, Span<const uint8_t> bytes) const;
  /// Syncs and renames.
  Status commit();
  /// The same, under another name in the folder of the final path.
  Status commitAs(const std::string &finalPath);

  const std::string &finalPath() const { return path; }

  TemporaryFile() = default;
  TemporaryFile(TemporaryFile &&other) noexcept { swap(other); }
  TemporaryFile &operator=(TemporaryFile &&other) noexcept {
    swap(other);
    return *this;
  }
  ~TemporaryFile();

private:
  void swap(TemporaryFile &other) noexcept;

  int descriptor = -1;
  std::string path, temporary;
};

} // namespace quern::artifact

#endif // QUERN_ARTIFACT_TEMPORARYFILE_H
