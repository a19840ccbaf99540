// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What a container says of a model beside its weights, read off the IR.

#ifndef QUERN_EXPORT_MODELFACTS_H
#define QUERN_EXPORT_MODELFACTS_H

#include "quern/Base/Status.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quern::exporter {

/// The numbers of a decoder. Extents count elements.
struct ModelFacts {
  std::string architecture; ///< Hugging Face's model_type
  int64_t vocabulary = 0;
  int64_t context = 0;
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  int64_t intermediate = 0;
  float normEps = 0;
  double ropeBase = 0;
  /// What each plain frequency is divided by; empty if all are plain.
  std::vector<float> ropeFactors;
  bool isTied = false; ///< the output matrix is the embedding
};

/// Reads `nn.model`, the norms, the rotations and the attention of an imported
/// or quantized module. Fails for what no container says: layers that attend
/// to a window, and parts that differ between layers.
Result<ModelFacts> readModelFacts(mlir::ModuleOp module);

} // namespace quern::exporter

#endif // QUERN_EXPORT_MODELFACTS_H
