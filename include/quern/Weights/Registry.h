// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Opens a model's weights by path.

#ifndef QUERN_WEIGHTS_REGISTRY_H
#define QUERN_WEIGHTS_REGISTRY_H

#include "quern/Weights/WeightSource.h"

#include <memory>

namespace quern::weights {

/// Opens `path`: a `.safetensors` or `.gguf` file, of several GGUF shards the
/// first, a shard index (`.safetensors.index.json`), or a folder with
/// `model.safetensors` or `model.safetensors.index.json`, preferred in this
/// order. Headers are read and checked whole; tensor bytes are mapped and not
/// touched. Every error begins with the path of the file at fault.
Result<std::unique_ptr<WeightSource>> openWeights(const std::string &path);

} // namespace quern::weights

#endif // QUERN_WEIGHTS_REGISTRY_H
