// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The runtime's archive, carried inside the compiler.

#include "quern/Export/EmitTable.h"

#include "quern/Artifact/Writer.h"

extern "C" {
extern const uint8_t quern_runtime_archive[];
extern const uint8_t quern_runtime_archive_end[];
}

using namespace quern;

Status exporter::writeRuntimeArchive(const std::string &path) {
  size_t size = quern_runtime_archive_end - quern_runtime_archive;
  return artifact::writeFileAtomically(
      path, Span<const uint8_t>(quern_runtime_archive, size));
}
