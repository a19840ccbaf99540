// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file MLIR's diagnostics as a Status.

#include "Compilation.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace quern;
using namespace quern::pipelines;

DiagnosticCollector::DiagnosticCollector(MLIRContext &context)
    : context(context) {
  handler = context.getDiagEngine().registerHandler([this](Diagnostic &d) {
    std::string text = d.str();
    for (Diagnostic &note : d.getNotes())
      text += "; " + note.str();
    (d.getSeverity() == DiagnosticSeverity::Error ? errors : remarks)
        .push_back(text);
  });
}

DiagnosticCollector::~DiagnosticCollector() {
  context.getDiagEngine().eraseHandler(handler);
}

Status DiagnosticCollector::error(const std::string &otherwise) const {
  std::string text = errors.empty() ? otherwise : llvm::join(errors, "\n");
  return Status::error(StatusCode::InvalidArgument, text);
}
