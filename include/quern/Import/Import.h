// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From a model's files to nn and param IR.

#ifndef QUERN_IMPORT_IMPORT_H
#define QUERN_IMPORT_IMPORT_H

#include "quern/Base/Status.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace quern::import {

/// What the model's files leave open.
struct ImportOptions {
  int64_t context = 0; ///< positions to provide for; 0: as many as the model's
};

/// The scope that imported globals refer to: `#param.external<"model", key>`
/// with the keys of `weights::openWeights(path)`.
constexpr const char *modelScope = "model";

/// Imports the Hugging Face folder at `path`: `config.json` with its weights as
/// `model.safetensors` or shards.
///
/// The result is a verified module with `nn.model`, one `param.global` for each
/// weight and `@forward(tokens, position, rows, cache) -> logits`, whose cache
/// holds f16. Loads the dialects it needs into `context`. Weight headers are
/// checked against the configuration; weight values are not read, save where a
/// tied output matrix is stored twice and both copies must agree.
///
/// Errors begin with the file at fault: an unknown family, contradicting or
/// unsupported numbers of the configuration, tensors that are missing, left
/// over, misshapen or of an element type other than F32, F16 and BF16.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
importHuggingFace(mlir::MLIRContext &context, const std::string &path,
                  const ImportOptions &options);

} // namespace quern::import

#endif // QUERN_IMPORT_IMPORT_H
