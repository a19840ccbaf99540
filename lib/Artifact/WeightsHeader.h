// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Places tensors in a weights file and writes its header.

#ifndef QUERN_LIB_ARTIFACT_WEIGHTSHEADER_H
#define QUERN_LIB_ARTIFACT_WEIGHTSHEADER_H

#include "quern/Artifact/Writer.h"

namespace quern::artifact {

/// The bytes before the data section, and where everything goes.
struct WeightsPlan {
  std::string header; ///< length, JSON and spaces: a multiple of kDataAlignment
  size_t contentsOffset = 0; ///< in `header`: 16 digits for the contents' hash
  std::vector<uint64_t> offsets; ///< of each tensor in the data section
  uint64_t dataBytes = 0;
};

/// InvalidArgument for what Writer.h forbids of specifications.
Result<WeightsPlan> planWeightsFile(const std::vector<TensorSpec> &tensors);

} // namespace quern::artifact

#endif // QUERN_LIB_ARTIFACT_WEIGHTSHEADER_H
