// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file --import-gguf and --import-huggingface

#include "Translate.h"

#include "quern/Import/Import.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"

using namespace quern;
namespace cl = llvm::cl;

static cl::OptionCategory category("Options of --import-...");
static cl::opt<int64_t> contextLength(
    "context", cl::cat(category), cl::init(0), cl::value_desc("positions"),
    cl::desc("Positions to provide for (default: as many as the model's)"));

static Status importWith(decltype(import::importModel) *importer,
                         const std::string &input, llvm::raw_ostream &out) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  import::ImportOptions options;
  options.context = contextLength;
  Result<mlir::OwningOpRef<mlir::ModuleOp>> module =
      importer(context, input, options);
  if (!module)
    return module.status();
  (*module)->print(out);
  return Status::ok();
}

Status translate::importGguf(const std::string &input, llvm::raw_ostream &out) {
  return importWith(import::importGguf, input, out);
}

Status translate::importHuggingFace(const std::string &input,
                                    llvm::raw_ostream &out) {
  return importWith(import::importHuggingFace, input, out);
}
