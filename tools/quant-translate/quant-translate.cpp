// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Brings models from other formats into IR, and shows what is in them.

#include "Translate.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace quern;
namespace cl = llvm::cl;

namespace {
enum class Action { ImportGguf, ImportHuggingFace, Interpret, ListWeights };
} // namespace

static cl::opt<Action> action(
    cl::desc("What to do with the input:"), cl::Required,
    cl::values(
        clEnumValN(Action::ImportGguf, "import-gguf", "Import a GGUF file"),
        clEnumValN(Action::ImportHuggingFace, "import-huggingface",
                   "Import a Hugging Face folder"),
        clEnumValN(Action::Interpret, "interpret", "Evaluate functions of IR"),
        clEnumValN(Action::ListWeights, "list-weights",
                   "List the tensors of a weight file or folder")));
static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::desc("<input>"));
static cl::opt<std::string> output("o", cl::init("-"), cl::desc("Output file"),
                                   cl::value_desc("file"));

static Status run(llvm::raw_ostream &out) {
  switch (action) {
  case Action::ImportGguf:
    return translate::importGguf(input, out);
  case Action::ImportHuggingFace:
    return translate::importHuggingFace(input, out);
  case Action::Interpret:
    return translate::interpret(input, out);
  case Action::ListWeights:
    return translate::listWeights(input, out);
  }
  return Status::ok();
}

static int fail(const std::string &message) {
  llvm::errs() << "error: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Quern model translator\n");
  std::error_code failed;
  llvm::ToolOutputFile out(output, failed, llvm::sys::fs::OF_Text);
  if (failed)
    return fail(output + ": " + failed.message());
  if (Status status = run(out.os()); !status)
    return fail(status.message());
  out.keep();
  return 0;
}
