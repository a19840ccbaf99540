// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A folder that appears whole or not at all.

#include "quern/Artifact/TemporaryFile.h"

#include "quern/Artifact/ArtifactFormat.h"
#include "quern/Artifact/Manifest.h"
#include "quern/Artifact/Writer.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace quern;
using namespace quern::artifact;
namespace fs = std::filesystem;

namespace {

Status refuse(const std::string &output, const std::string &why) {
  return Status::error(StatusCode::InvalidArgument,
                       output + ": is not replaced: " + why);
}

/// Ok if replacing `output` loses nothing but an artifact.
Status checkReplaceable(const std::string &output) {
  std::error_code error;
  fs::file_status found = fs::status(output, error);
  if (found.type() == fs::file_type::not_found)
    return Status::ok();
  if (!fs::is_directory(found))
    return refuse(output, "it exists and is not a folder");
  if (fs::is_empty(output, error) && !error)
    return Status::ok();
  Result<Manifest> manifest = readManifest(output + "/" + kManifestFile);
  if (!manifest)
    return refuse(output, "it is not empty and not an artifact (" +
                              manifest.status().message() + ")");
  for (fs::directory_iterator entry(output, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename();
    if (name != kManifestFile && !manifest->files.count(name))
      return refuse(output, "it also holds '" + name +
                                "', which is not part of the artifact");
  }
  if (error)
    return refuse(output, error.message());
  return Status::ok();
}

/// The path without slashes at its end, and where a symbolic link leads.
std::string resolve(const std::string &output) {
  fs::path path = fs::path(output).lexically_normal();
  if (!path.has_filename())
    path = path.parent_path();
  std::error_code error;
  fs::path real = fs::canonical(path, error);
  return error ? path.string() : real.string();
}

Status syncFile(const std::string &path) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return systemError(path, "opened");
  Status status = fsync(descriptor) == 0 || errno == EINVAL
                      ? Status::ok()
                      : systemError(path, "synced");
  close(descriptor);
  return status;
}

/// Syncs the files of a folder, and the folder.
Status syncFolder(const std::string &folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (Status status = syncFile(entry->path()); !status)
      return status;
  if (error)
    return Status::error(StatusCode::Io,
                         folder + ": cannot be listed: " + error.message());
  return syncFile(folder);
}

/// Puts `temporary` where `output` is, and leaves in `temporary` the name of
/// what was there, if anything.
Status putInPlace(std::string &temporary, const std::string &output) {
  if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, output.c_str(),
                RENAME_EXCHANGE) == 0)
    return Status::ok();
  if (errno == ENOENT) {
    if (rename(temporary.c_str(), output.c_str()) != 0)
      return systemError(output, "written");
    temporary.clear();
    return Status::ok();
  }
  // A file system that cannot exchange: there is a moment without `output`.
  std::string previous = temporaryName(output);
  if (rename(output.c_str(), previous.c_str()) != 0)
    return systemError(output, "replaced");
  if (rename(temporary.c_str(), output.c_str()) != 0) {
    Status status = systemError(output, "written");
    (void)rename(previous.c_str(), output.c_str());
    return status;
  }
  temporary = previous;
  return Status::ok();
}

} // namespace

Result<ArtifactFolder> ArtifactFolder::create(const std::string &output) {
  ArtifactFolder folder;
  folder.output = resolve(output);
  if (folder.output.empty())
    return Status::error(StatusCode::InvalidArgument,
                         "expects the path of a folder, but got nothing");
  if (Status status = checkReplaceable(folder.output); !status)
    return status;
  std::string temporary = temporaryName(folder.output);
  if (mkdir(temporary.c_str(), 0777) != 0)
    return systemError(folder.output, "created");
  folder.temporary = temporary;
  return Result<ArtifactFolder>(std::move(folder));
}

Status ArtifactFolder::commit() {
  if (Status status = syncFolder(temporary); !status)
    return status;
  // The work may have taken hours: look again.
  if (Status status = checkReplaceable(output); !status)
    return status;
  if (Status status = putInPlace(temporary, output); !status)
    return status;
  Status status = syncParent(output);
  std::error_code error;
  if (!temporary.empty())
    fs::remove_all(temporary, error);
  if (error)
    return Status::error(StatusCode::Io, temporary +
                                             ": the earlier artifact cannot be "
                                             "removed: " +
                                             error.message());
  temporary.clear();
  return status;
}

ArtifactFolder::~ArtifactFolder() {
  std::error_code ignored;
  if (!temporary.empty())
    fs::remove_all(temporary, ignored);
}

void ArtifactFolder::swap(ArtifactFolder &other) noexcept {
  output.swap(other.output);
  temporary.swap(other.temporary);
}
