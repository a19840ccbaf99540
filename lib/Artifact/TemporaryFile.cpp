// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A file that gets its name once it is whole.

#include "quern/Artifact/TemporaryFile.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

using namespace quern;
using namespace quern::artifact;

namespace {
// Far more than two processes that pick the same name at once.
constexpr int kAttempts = 16;
} // namespace

Status artifact::systemError(const std::string &path, const std::string &done) {
  int code = errno;
  return Status::error(code == ENOENT ? StatusCode::NotFound : StatusCode::Io,
                       path + ": cannot be " + done + ": " + strerror(code));
}

std::string artifact::temporaryName(const std::string &path) {
  char suffix[16];
  snprintf(suffix, sizeof(suffix), "%08x", std::random_device()());
  return path + ".tmp-" + suffix;
}

Status artifact::syncParent(const std::string &path) {
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "."
                       : slash == 0               ? "/"
                                                  : path.substr(0, slash);
  int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return systemError(folder, "opened");
  // File systems that cannot sync a folder say EINVAL: they need not.
  bool failed = fsync(descriptor) != 0 && errno != EINVAL;
  Status status = failed ? systemError(folder, "synced") : Status::ok();
  close(descriptor);
  return status;
}

Result<TemporaryFile> TemporaryFile::create(const std::string &path) {
  TemporaryFile file;
  file.path = path;
  for (int i = 0; i < kAttempts && file.descriptor < 0; ++i) {
    file.temporary = temporaryName(path);
    file.descriptor = open(file.temporary.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.descriptor < 0 && errno != EEXIST)
      break;
  }
  if (file.descriptor < 0)
    return systemError(path, "created");
  return Result<TemporaryFile>(std::move(file));
}

Status TemporaryFile::reserve(uint64_t bytes) {
  if (bytes > 0 && fallocate(descriptor, 0, 0, off_t(bytes)) == 0)
    return Status::ok();
  bool cannotReserve = bytes == 0 || errno == EOPNOTSUPP || errno == ENOSYS;
  if (!cannotReserve || ftruncate(descriptor, off_t(bytes)) != 0)
    return systemError(path, "given " + std::to_string(bytes) + " bytes");
  return Status::ok();
}

Status TemporaryFile::writeAt(uint64_t offset,
                              Span<const uint8_t> bytes) const {
  // Linux writes at most 2 GiB less a page at a time.
  constexpr size_t kMaxWrite = size_t(1) << 30;
  for (size_t done = 0; done < bytes.size();) {
    ssize_t count =
        pwrite(descriptor, bytes.data() + done,
               std::min(bytes.size() - done, kMaxWrite), off_t(offset + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return systemError(path, "written");
    done += size_t(count);
  }
  return Status::ok();
}

Status TemporaryFile::commit() {
  if (fsync(descriptor) != 0)
    return systemError(path, "synced");
  // Some file systems report a full disk only here.
  bool closed = close(descriptor) == 0;
  descriptor = -1;
  if (!closed || rename(temporary.c_str(), path.c_str()) != 0)
    return systemError(path, "written");
  temporary.clear();
  return syncParent(path);
}

Status TemporaryFile::commitAs(const std::string &finalPath) {
  path = finalPath;
  return commit();
}

TemporaryFile::~TemporaryFile() {
  if (descriptor >= 0)
    close(descriptor);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

void TemporaryFile::swap(TemporaryFile &other) noexcept {
  std::swap(descriptor, other.descriptor);
  path.swap(other.path);
  temporary.swap(other.temporary);
}
