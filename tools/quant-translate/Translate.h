// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The actions of quant-translate, one source file each.

#ifndef QUERN_TOOLS_QUANT_TRANSLATE_TRANSLATE_H
#define QUERN_TOOLS_QUANT_TRANSLATE_TRANSLATE_H

#include "quern/Base/Status.h"

#include "llvm/Support/raw_ostream.h"

#include <string>

namespace quern::translate {

/// Writes the imported IR of the GGUF file at `input`.
Status importGguf(const std::string &input, llvm::raw_ostream &out);

/// Writes the imported IR of the Hugging Face folder at `input`.
Status importHuggingFace(const std::string &input, llvm::raw_ostream &out);

/// Evaluates functions of the IR in the file `input` with the reference
/// interpreter: those without arguments, or with --tokens that of a model,
/// whose logits are written.
Status interpret(const std::string &input, llvm::raw_ostream &out);

/// Writes one line a tensor of the weights at `input`: name, element type,
/// shape and bytes.
Status listWeights(const std::string &input, llvm::raw_ostream &out);

} // namespace quern::translate

#endif // QUERN_TOOLS_QUANT_TRANSLATE_TRANSLATE_H
