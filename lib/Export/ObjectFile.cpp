// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Machine code of an LLVM module as a file.

#include "ObjectFile.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>

using namespace quern;

static Status failure(StatusCode code, const llvm::Twine &text) {
  return Status::error(code, text.str());
}

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
  });
}

Result<std::unique_ptr<llvm::TargetMachine>>
exporter::createMachine(const ObjectTarget &target) {
  initializeTargets();
  std::string why;
  llvm::Triple triple(target.triple);
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, why);
  if (!found)
    return failure(StatusCode::Unsupported, why);
  llvm::TargetOptions options;
  // A product and a sum are fused where the IR says so, never elsewhere.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Default));
}

Status exporter::writeMachineCode(llvm::Module &module,
                                  llvm::TargetMachine &machine,
                                  const std::string &path,
                                  llvm::CodeGenFileType type) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (error)
    return failure(StatusCode::Io,
                   path + ": cannot be written: " + error.message());
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return failure(StatusCode::Unsupported,
                   "the code generator cannot write this kind of file");
  passes.run(module);
  stream.flush();
  if (stream.has_error()) {
    Status status =
        failure(StatusCode::Io,
                path + ": cannot be written: " + stream.error().message());
    stream.clear_error();
    return status;
  }
  return Status::ok();
}
