// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Shared objects from objects and archives, with LLD in this process.

#include "quern/Export/EmitObject.h"

#include "lld/Common/Driver.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace quern;

/// Writes a version script that hides all symbols but `exports`.
static Status writeExports(const std::vector<std::string> &exports,
                           const std::string &path) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (error)
    return Status::error(StatusCode::Io,
                         path + ": cannot be written: " + error.message());
  stream << "{ global:";
  for (const std::string &name : exports)
    stream << " " << name << ";";
  stream << " local: *; };\n";
  return Status::ok();
}

Status exporter::linkSharedObject(const std::vector<std::string> &inputs,
                                  const std::vector<std::string> &exports,
                                  const std::string &path) {
  std::string script = path + ".exports";
  if (Status status = writeExports(exports, script); !status)
    return status;
  std::string versions = "--version-script=" + script;
  std::vector<const char *> arguments = {"ld.lld",
                                         "-shared",
                                         "-o",
                                         path.c_str(),
                                         versions.c_str(),
                                         "--gc-sections",
                                         "-z",
                                         "now",
                                         "-z",
                                         "noexecstack",
                                         "--build-id=none",
                                         "--hash-style=gnu",
                                         "--strip-debug"};
  for (const std::string &name : exports) {
    arguments.push_back("-u"); // takes its definition out of an archive
    arguments.push_back(name.c_str());
  }
  for (const std::string &input : inputs)
    arguments.push_back(input.c_str());
  // Symbols of libc and libm stay open: whoever loads the file has both.
  std::string text;
  llvm::raw_string_ostream errors(text);
  static std::mutex oneLinkAtATime; // LLD keeps global state
  int code;
  {
    std::lock_guard<std::mutex> lock(oneLinkAtATime);
    code = lld::lldMain(arguments, llvm::nulls(), errors,
                        {{lld::Gnu, &lld::elf::link}})
               .retCode;
  }
  (void)llvm::sys::fs::remove(script);
  if (code != 0)
    return Status::error(StatusCode::Io, path + ": linking failed: " + text);
  return Status::ok();
}
