// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Kernels for AArch64, run by qemu-aarch64.

#include "EmulatedKernel.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

/// Where Debian's packages for development put the C library.
static const char kLibraries[] = "/usr/aarch64-linux-gnu";

static Status failure(const llvm::Twine &text) {
  return Status::error(StatusCode::Unsupported, text.str());
}

/// kernel_runner.c for AArch64, or "" where it cannot be compiled.
static const char kRunner[] = QUERN_KERNEL_RUNNER;

std::string test::whyNoEmulator() {
  if (!*kRunner)
    return "no C library for AArch64 (libc6-dev-arm64-cross)";
  if (!llvm::sys::findProgramByName("qemu-aarch64"))
    return "no qemu-aarch64 (qemu-user)";
  return "";
}

static void writeNumber(llvm::raw_ostream &stream, int64_t number) {
  stream.write(reinterpret_cast<const char *>(&number), sizeof(number));
}

/// The format of kernel_runner.c.
static Status writeCalls(const std::vector<EmulatedCall> &calls,
                         const std::string &path) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (error)
    return failure(path + ": " + error.message());
  writeNumber(stream, int64_t(calls.size()));
  for (const EmulatedCall &call : calls) {
    writeNumber(stream, int64_t(call.size()));
    for (const EmulatedArgument &argument : call) {
      writeNumber(stream, argument.isBytes);
      writeNumber(stream, argument.isBytes ? int64_t(argument.bytes.size())
                                           : argument.number);
      stream.write(reinterpret_cast<const char *>(argument.bytes.data()),
                   argument.bytes.size());
    }
  }
  return Status::ok();
}

static Status readResults(const std::string &path,
                          std::vector<EmulatedCall> &calls) {
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return failure(path + ": " + file.getError().message());
  llvm::StringRef rest = (*file)->getBuffer();
  for (EmulatedCall &call : calls)
    for (EmulatedArgument &argument : call) {
      llvm::StringRef bytes = rest.take_front(argument.bytes.size());
      if (bytes.size() != argument.bytes.size())
        return failure("the emulated kernel's results are cut short");
      argument.bytes.assign(bytes.begin(), bytes.end());
      rest = rest.drop_front(bytes.size());
    }
  return Status::ok();
}

static Status runQemu(const std::string &cpu, const std::string &library,
                      const std::string &kernel, const std::string &calls,
                      const std::string &results) {
  auto program = llvm::sys::findProgramByName("qemu-aarch64");
  if (!program)
    return failure("no qemu-aarch64");
  llvm::StringRef arguments[] = {*program, "-L",    kLibraries, "-cpu",
                                 cpu,      kRunner, library,    kernel,
                                 calls,    results};
  std::string why;
  int status = llvm::sys::ExecuteAndWait(*program, arguments, std::nullopt, {},
                                         /*SecondsToWait=*/60,
                                         /*MemoryLimit=*/0, &why);
  return status == 0 ? Status::ok()
                     : failure("qemu-aarch64 -cpu " + cpu + " exits with " +
                               llvm::Twine(status) + " " + why);
}

Status test::runEmulated(const CpuTarget &target, const std::string &cpu,
                         const KernelSource &source,
                         std::vector<EmulatedCall> &calls) {
  llvm::SmallString<128> folder;
  if (llvm::sys::fs::createUniqueDirectory("quern-emulated", folder))
    return failure("no temporary folder");
  auto clean = llvm::scope_exit(
      [&] { (void)llvm::sys::fs::remove_directories(folder); });
  auto path = [&](const char *name) { return (folder + "/" + name).str(); };
  Status status = compileLibrary(target, {source}, path("kernel.so"));
  if (status)
    status = writeCalls(calls, path("calls"));
  if (status)
    status = runQemu(cpu, path("kernel.so"), source.name, path("calls"),
                     path("results"));
  return status ? readResults(path("results"), calls) : status;
}
