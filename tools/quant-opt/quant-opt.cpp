// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Pass driver: every pass, pipeline and dialect, and plugins with more.

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "quern/InitAllDialects.h"
#include "quern/InitAllPasses.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace quern;

static llvm::cl::opt<std::string>
    formatsFile("formats",
                llvm::cl::desc("File of named formats to know beside Quern's"),
                llvm::cl::value_desc("file"));

/// Makes the formats of `path` known to every context of `registry`.
static Status addFormats(DialectRegistry &registry, const std::string &path) {
  numerics::FormatRegistry formats = numerics::FormatRegistry::builtin();
  if (Status status = formats.addFile(path); !status)
    return status;
  qt::registerFormats(registry, std::move(formats));
  return Status::ok();
}

int main(int argc, char **argv) {
  llvm::InitLLVM initLLVM(argc, argv);
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  auto [input, output] =
      registerAndParseCLIOptions(argc, argv, "Quern pass driver\n", registry);
  if (!formatsFile.empty())
    if (Status status = addFormats(registry, formatsFile); !status) {
      llvm::WithColor::error(llvm::errs(), "quant-opt")
          << status.message() << "\n";
      return 1;
    }
  return asMainReturnCode(MlirOptMain(argc, argv, input, output, registry));
}
