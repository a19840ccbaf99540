// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The architectures of GGUF files that can be imported.
//
// Keys and defaults are those of llama.cpp, src/llama-model.cpp.

#ifndef QUERN_LIB_IMPORT_GGUF_FAMILIES_H
#define QUERN_LIB_IMPORT_GGUF_FAMILIES_H

#include "../Architecture.h"
#include "Facts.h"
#include "quern/Weights/WeightSource.h"

namespace quern::import {

/// What there is to read of a model. `facts` are those of its architecture,
/// `tokens` the length of the list of tokens, or 0.
struct GgufModel {
  Facts &facts;
  const weights::WeightSource &source;
  int64_t tokens = 0;
};

/// One value of `general.architecture`.
struct GgufFamily {
  const char *name;
  void (*describe)(GgufModel &model, Architecture &architecture);
};

/// The family of that name. Fails with the names of all for another.
Result<const GgufFamily *> findGgufFamily(const std::string &name);

/// Reads what all families share: extents, norm, biases, tying, rope.
void readGgufDecoder(GgufModel &model, Architecture &architecture);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_GGUF_FAMILIES_H
