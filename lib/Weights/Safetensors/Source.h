// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Weight sources over one or several safetensors files.

#ifndef QUERN_LIB_WEIGHTS_SAFETENSORS_SOURCE_H
#define QUERN_LIB_WEIGHTS_SAFETENSORS_SOURCE_H

#include "quern/Weights/WeightSource.h"

#include <memory>

namespace quern::weights {

/// Opens one file.
Result<std::unique_ptr<WeightSource>> openSafetensors(const std::string &path);

/// Opens the shards that the index at `path` lists, from the index's folder.
/// Index and shards must agree on where each tensor is.
Result<std::unique_ptr<WeightSource>> openShardIndex(const std::string &path);

} // namespace quern::weights

#endif // QUERN_LIB_WEIGHTS_SAFETENSORS_SOURCE_H
