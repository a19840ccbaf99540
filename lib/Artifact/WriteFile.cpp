// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Replaces a file at once.

#include "quern/Artifact/TemporaryFile.h"

#include "quern/Artifact/Writer.h"

using namespace quern;
using namespace quern::artifact;

Status artifact::writeFileAtomically(const std::string &path,
                                     Span<const uint8_t> bytes) {
  Result<TemporaryFile> file = TemporaryFile::create(path);
  if (!file)
    return file.status();
  if (Status status = file->writeAt(0, bytes); !status)
    return status;
  return file->commit();
}

Status artifact::writeFileAtomically(const std::string &path,
                                     const std::string &text) {
  return writeFileAtomically(
      path, Span<const uint8_t>(reinterpret_cast<const uint8_t *>(text.data()),
                                text.size()));
}
