// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Mapping of files by mmap.

#include "quern/Base/MappedFile.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace quern;

static Status systemError(const std::string &path, const char *action) {
  StatusCode code = errno == ENOENT ? StatusCode::NotFound : StatusCode::Io;
  return Status::error(code, path + ": " + action + ": " + strerror(errno));
}

Result<MappedFile> MappedFile::open(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return systemError(path, "cannot open");
  struct stat info;
  if (fstat(descriptor, &info) != 0) {
    Status status = systemError(path, "cannot read the size");
    close(descriptor);
    return status;
  }
  if (!S_ISREG(info.st_mode)) {
    close(descriptor);
    return Status::error(
        StatusCode::InvalidFile,
        path + ": expects a regular file, but got " +
            (S_ISDIR(info.st_mode) ? "a directory" : "a special file"));
  }
  MappedFile file;
  file.filePath = path;
  file.length = uint64_t(info.st_size);
  if (file.length != 0) { // mmap refuses an empty range
    void *address =
        mmap(nullptr, file.length, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) {
      Status status = systemError(path, "cannot map");
      close(descriptor);
      file.length = 0;
      return status;
    }
    file.address = address;
  }
  close(descriptor); // the mapping keeps the file
  return file;
}

MappedFile::~MappedFile() {
  if (address)
    munmap(address, length);
}

void MappedFile::swap(MappedFile &other) noexcept {
  std::swap(address, other.address);
  std::swap(length, other.length);
  std::swap(filePath, other.filePath);
}

void MappedFile::release(uint64_t offset, uint64_t size) const {
  if (!address || offset >= length)
    return;
  if (size > length - offset)
    size = length - offset;
  // Only pages that lie wholly inside may go; neighbours may be in use.
  uint64_t page = uint64_t(sysconf(_SC_PAGESIZE));
  uint64_t begin = (offset + page - 1) / page * page;
  uint64_t end = (offset + size) / page * page;
  if (begin < end)
    madvise(static_cast<uint8_t *>(address) + begin, end - begin,
            MADV_DONTNEED);
}
