// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What becomes IR: GGUF files, folders of Hugging Face, and its text.

#include "Targets.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "quern/Import/Import.h"
#include "quern/InitAllDialects.h"
#include "quern/Weights/Registry.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <memory>

using namespace quern;

/// A context, and a new one from time to time: a context keeps every attribute
/// that it has ever seen.
static mlir::MLIRContext &freshContext() {
  constexpr int uses = 2000;
  static std::unique_ptr<mlir::MLIRContext> context;
  static int used = 0;
  if (!context || ++used > uses) {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    context = std::make_unique<mlir::MLIRContext>(
        registry, mlir::MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
    used = 0;
  }
  return *context;
}

static bool importsTo(const std::string &path) {
  mlir::MLIRContext &context = freshContext();
  mlir::ScopedDiagnosticHandler ignored(
      &context, [](mlir::Diagnostic &) { return mlir::success(); });
  auto module = import::importModel(context, path, import::ImportOptions());
  if (!module)
    return false;
  if (mlir::failed(mlir::verify(**module)))
    fuzz::fail("an imported model that is not valid", path);
  return true;
}

bool fuzz::readGguf(Input input) {
  static Folder folder;
  std::string path = folder.write("m.gguf", input);
  auto source = weights::openWeights(path);
  if (!source)
    return false;
  (void)import::ggufTokenizer((*source)->metadata(), path);
  // A file of weights is accepted even if it is no model.
  (void)importsTo(path);
  return true;
}

bool fuzz::readFolder(Input input) {
  static Folder folder;
  const uint8_t *end = std::find(input.begin(), input.end(), 0);
  size_t length = static_cast<size_t>(end - input.begin());
  folder.write("config.json", input.subspan(0, length));
  Input rest = end == input.end()
                   ? Input()
                   : input.subspan(length + 1, input.size() - length - 1);
  folder.write("model.safetensors", rest);
  return importsTo(folder.getPath());
}

bool fuzz::readIr(Input input) {
  mlir::MLIRContext &context = freshContext();
  mlir::ScopedDiagnosticHandler ignored(
      &context, [](mlir::Diagnostic &) { return mlir::success(); });
  std::string text = textOf(input), printed;
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return false;
  llvm::raw_string_ostream(printed) << *module;
  if (!mlir::parseSourceString<mlir::ModuleOp>(printed, &context))
    fail("IR that is not read as it is printed: " + printed, text);
  return true;
}
