// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A file mapped read-only into memory, with one owner.

#ifndef QUERN_BASE_MAPPEDFILE_H
#define QUERN_BASE_MAPPEDFILE_H

#include "quern/Base/Span.h"
#include "quern/Base/Status.h"
#include <cstdint>
#include <string>

namespace quern {

/// The bytes of a regular file. They stay valid, and at the same address, until
/// the owner is destroyed; moving the owner does not move them. The file must
/// not be cut short while it is mapped.
class MappedFile {
public:
  /// Maps all of `path`. Errors: NotFound, Io (with the system's reason), and
  /// InvalidFile if it is not a regular file.
  static Result<MappedFile> open(const std::string &path);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept { swap(other); }
  MappedFile &operator=(MappedFile &&other) noexcept {
    swap(other);
    return *this;
  }
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  Span<const uint8_t> bytes() const {
    return Span<const uint8_t>(static_cast<const uint8_t *>(address), length);
  }
  const std::string &path() const { return filePath; }

  /// Tells the system that [offset, offset + size) is not needed for now, so
  /// that its pages leave this process's resident memory. Reading them again
  /// is allowed and brings them back.
  void release(uint64_t offset, uint64_t size) const;

private:
  void swap(MappedFile &other) noexcept;

  void *address = nullptr; ///< null for an empty file
  uint64_t length = 0;
  std::string filePath;
};

} // namespace quern

#endif // QUERN_BASE_MAPPEDFILE_H
