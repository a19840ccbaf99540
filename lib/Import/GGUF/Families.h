// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The architectures of GGUF files that can be imported.
//
// Keys and defaults are those of llama.cpp, src/llama-model.cpp.

#ifndef QUERN_LIB_IMPORT_GGUF_FAMILIES_H
#define QUERN_LIB_IMPORT_GGUF_FAMILIES_H

#include "../Architecture.h"
#include "Facts.h"
#include "quern/Weights/GgufNames.h"
#include "quern/Weights/WeightSource.h"

namespace quern::import {

/// What there is to read of a model. `facts` are those of its architecture,
/// `tokens` the length of the list of tokens, or 0.
struct GgufModel {
  const weights::GgufArchitecture &kind;
  Facts &facts;
  const weights::WeightSource &source;
  int64_t tokens = 0;
};

/// The architecture of that name, with or without experts where there are both.
/// Fails with the names of all for another.
Result<const weights::GgufArchitecture *>
findGgufFamily(const std::string &name, bool hasExperts);

/// Reads the numbers of a model. Errors are kept in `model.facts`.
void describeGgufModel(GgufModel &model, Architecture &architecture);

/// Reads what all families share: extents, norm, biases, tying, experts.
void readGgufDecoder(GgufModel &model, Architecture &architecture);

/// Reads which layers attend to a window, and the rotary positions of all.
void readGgufPositions(GgufModel &model, Architecture &architecture);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_GGUF_FAMILIES_H
