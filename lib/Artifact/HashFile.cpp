// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Sizes and hashes of the files of an artifact.

#include "JsonText.h"

#include "quern/Artifact/Manifest.h"
#include "quern/Base/MappedFile.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <filesystem>

using namespace quern;
using namespace quern::artifact;

// What is hashed is given back to the system, so that a large file does not
// fill the memory of this process.
static constexpr uint64_t kPieceBytes = uint64_t(8) << 20;

Result<FileRecord> artifact::hashFile(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  Span<const uint8_t> bytes = file->bytes();
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (uint64_t at = 0; at < bytes.size(); at += kPieceBytes) {
    uint64_t piece = std::min<uint64_t>(kPieceBytes, bytes.size() - at);
    XXH3_64bits_update(&state, bytes.data() + at, piece);
    file->release(at, piece);
  }
  return FileRecord{bytes.size(), XXH3_64bits_digest(&state)};
}

static Status checkSize(const std::string &path, const FileRecord &expected) {
  std::error_code error;
  uint64_t bytes = std::filesystem::file_size(path, error);
  if (error)
    return Status::error(StatusCode::InvalidFile,
                         path +
                             ": is part of the artifact, but cannot be "
                             "examined: " +
                             error.message());
  if (bytes != expected.bytes)
    return Status::error(StatusCode::InvalidFile,
                         path + ": expects " + std::to_string(expected.bytes) +
                             " bytes, but got " + std::to_string(bytes));
  return Status::ok();
}

Status artifact::checkFiles(const Manifest &manifest, const std::string &folder,
                            bool hashes) {
  for (const auto &[name, expected] : manifest.files) {
    std::string path = folder + "/" + name;
    if (Status status = checkSize(path, expected); !status)
      return status;
    if (!hashes)
      continue;
    Result<FileRecord> found = hashFile(path);
    if (!found)
      return found.status();
    if (found->hash != expected.hash)
      return Status::error(StatusCode::InvalidFile,
                           path + ": its bytes are damaged: expects the hash " +
                               hashText(expected.hash) + ", but got " +
                               hashText(found->hash));
  }
  return Status::ok();
}
