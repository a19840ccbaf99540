// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file --import-huggingface

#include "Translate.h"

#include "quern/Import/Import.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"

using namespace quern;
namespace cl = llvm::cl;

static cl::OptionCategory category("Options of --import-huggingface");
static cl::opt<int64_t> contextLength(
    "context", cl::cat(category), cl::init(0), cl::value_desc("positions"),
    cl::desc("Positions to provide for (default: as many as the model's)"));

Status translate::importHuggingFace(const std::string &input,
                                    llvm::raw_ostream &out) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  import::ImportOptions options;
  options.context = contextLength;
  Result<mlir::OwningOpRef<mlir::ModuleOp>> module =
      import::importHuggingFace(context, input, options);
  if (!module)
    return module.status();
  (*module)->print(out);
  return Status::ok();
}
