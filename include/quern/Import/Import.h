// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From a model's files to nn and param IR.

#ifndef QUERN_IMPORT_IMPORT_H
#define QUERN_IMPORT_IMPORT_H

#include "quern/Base/Status.h"
#include "quern/Weights/Metadata.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <string>
#include <vector>

namespace quern::import {

/// What the model's files leave open.
struct ImportOptions {
  int64_t context = 0; ///< positions to provide for; 0: as many as the model's
};

/// The scope that imported globals refer to: `#param.external<"model", key>`
/// with the keys of `weights::openWeights(path)`.
constexpr const char *modelScope = "model";

/// Imports the model at `path`, a GGUF file or a Hugging Face folder, as the
/// functions below do.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext &context, const std::string &path,
            const ImportOptions &options);

/// Whether `path` is that of a GGUF file, by its name.
bool isGguf(const std::string &path);

/// Imports the GGUF file at `path`, or of several shards the first.
/// Architectures: llama, qwen2, qwen3.
///
/// The module is the one that a Hugging Face folder of the same model becomes,
/// under the same names, but for the weights: each has the encoding of its
/// tensor, and the value `#qk.stored`. Rows that llama.cpp puts into another
/// order are where the folder has them.
///
/// Errors begin with the file at fault, and name the key or the tensor.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
importGguf(mlir::MLIRContext &context, const std::string &path,
           const ImportOptions &options);

/// The files of a tokenizer as the Hugging Face libraries read them.
struct TokenizerFiles {
  std::string tokenizer; ///< tokenizer.json
  std::string config;    ///< tokenizer_config.json
  std::optional<int64_t> bosTokenId;
  std::vector<int64_t> eosTokenIds; ///< all tokens that end a text
};

/// The tokenizer that a GGUF file describes, byte-level BPE or a sentencepiece
/// model of pairs; none if it says that it has none. Errors begin with `path`:
/// descriptions that contradict themselves, and kinds of tokenizers that are
/// not known.
Result<std::optional<TokenizerFiles>>
ggufTokenizer(const weights::Metadata &metadata, const std::string &path);

/// Imports the Hugging Face folder at `path`: `config.json` with its weights as
/// `model.safetensors` or shards. Weights that are quantized, as
/// `quantization_config` says, have the encoding that they are stored in, and
/// the value `#qk.stored` (docs/HowTo/CompileACheckpoint.md).
///
/// The result is a verified module with `nn.model`, one `param.global` for each
/// weight and `@forward(tokens, position, rows, cache) -> logits`, whose cache
/// holds f16. Loads the dialects it needs into `context`. Weight headers are
/// checked against the configuration; weight values are not read, save where a
/// tied output matrix is stored twice and both copies must agree, and what
/// tells how a weight is stored: groups of columns, extents, tables of codes.
///
/// Errors begin with the file at fault: an unknown family, contradicting or
/// unsupported numbers of the configuration, tensors that are missing, left
/// over, misshapen or of an element type other than is expected.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
importHuggingFace(mlir::MLIRContext &context, const std::string &path,
                  const ImportOptions &options);

} // namespace quern::import

#endif // QUERN_IMPORT_IMPORT_H
