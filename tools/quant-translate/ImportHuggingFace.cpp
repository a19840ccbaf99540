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
static cl::opt<import::KVElement> kvCache(
    "kv-cache", cl::cat(category),
    cl::desc("Element type of cached keys and values (default f16)"),
    cl::values(clEnumValN(import::KVElement::F16, "f16", "half precision"),
               clEnumValN(import::KVElement::F32, "f32", "full precision")),
    cl::init(import::KVElement::F16));
static cl::opt<int64_t> contextLength(
    "context", cl::cat(category), cl::init(0), cl::value_desc("positions"),
    cl::desc("Positions to provide for (default: as many as the model's)"));

Status translate::importHuggingFace(const std::string &input,
                                    llvm::raw_ostream &out) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  import::ImportOptions options;
  options.kvCache = kvCache;
  options.context = contextLength;
  Result<mlir::OwningOpRef<mlir::ModuleOp>> module =
      import::importHuggingFace(context, input, options);
  if (!module)
    return module.status();
  (*module)->print(out);
  return Status::ok();
}
