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
  int64_t rotatedColumns = 0; ///< of a head
  /// What each plain frequency is divided by; empty if all are plain.
  std::vector<float> ropeFactors;
  float ropeMagnitude = 1; ///< what turns is multiplied by it
  /// Of each layer; 0: it attends to the whole text.
  std::vector<int64_t> windows;
  /// Base of the plain frequencies of layers with a window, if they have others
  /// than the rest; 0: they have the same.
  double windowRopeBase = 0;
  float attentionScale = 0;   ///< of the products of queries and keys
  float attentionSoftcap = 0; ///< 0: none
  float logitSoftcap = 0;     ///< 0: none
  int64_t experts = 0;        ///< 0: none
  int64_t expertsPerToken = 0;
  int64_t expertIntermediate = 0;
  int64_t expertLayers = 0;       ///< layers that have experts
  bool expertsNormalized = false; ///< shares of the chosen ones add up to one
  bool isTied = false;            ///< the output matrix is the embedding

  /// The one window that layers have; 0: none has one. Fails if they have
  /// several.
  Result<int64_t> window() const;
};

/// Reads `nn.model`, the norms, the rotations, the attention and the experts of
/// an imported or quantized module. Fails for parts that differ between layers
/// where no container can say so.
Result<ModelFacts> readModelFacts(mlir::ModuleOp module);

} // namespace quern::exporter

#endif // QUERN_EXPORT_MODELFACTS_H
