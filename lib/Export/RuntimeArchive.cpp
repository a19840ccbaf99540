// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The runtime's archives, carried inside the compiler.

#include "quern/Export/EmitTable.h"

#include "quern/Artifact/Writer.h"
#include "llvm/TargetParser/Triple.h"

extern "C" {
extern const uint8_t quern_runtime_archive_x86_64[];
extern const uint8_t quern_runtime_archive_x86_64_end[];
extern const uint8_t quern_runtime_archive_aarch64[];
extern const uint8_t quern_runtime_archive_aarch64_end[];
}

using namespace quern;

/// Empty if the build had no C library of that architecture.
static Span<const uint8_t> runtimeFor(const std::string &triple) {
  const uint8_t *begin = quern_runtime_archive_x86_64;
  const uint8_t *end = quern_runtime_archive_x86_64_end;
  if (llvm::Triple(triple).isAArch64()) {
    begin = quern_runtime_archive_aarch64;
    end = quern_runtime_archive_aarch64_end;
  }
  return Span<const uint8_t>(begin, size_t(end - begin));
}

Status exporter::checkRuntime(const std::string &triple) {
  if (!runtimeFor(triple).empty())
    return Status::ok();
  return Status::error(
      StatusCode::Unsupported,
      "expects a compiler that was built with the runtime for " + triple +
          ", but this one was not: install the cross development files "
          "(libc6-dev-arm64-cross, libstdc++-12-dev-arm64-cross) and build "
          "quern again");
}

Status exporter::writeRuntimeArchive(const std::string &triple,
                                     const std::string &path) {
  if (Status status = checkRuntime(triple); !status)
    return status;
  return artifact::writeFileAtomically(path, runtimeFor(triple));
}
