// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From weights in files to packed bytes, one tensor at a time.
//
// Memory stays bounded: at any time there is one packed tensor, the mapped
// pages of its source, and a chunk of rows for each thread.

#ifndef QUERN_PACK_FOLDWEIGHTS_H
#define QUERN_PACK_FOLDWEIGHTS_H

#include "mlir/IR/BuiltinOps.h"
#include "quern/Base/Span.h"
#include "quern/Base/Status.h"
#include "quern/Weights/WeightSource.h"
#include <functional>
#include <string>
#include <vector>

namespace quern::pack {

/// One packed weight, as a reader of the artifact needs to know it.
struct PackedTensor {
  std::string name;           ///< of the `param.global`
  std::vector<int64_t> shape; ///< logical: one or two extents
  std::string sourceType;     ///< element type of the values, e.g. "bf16"
  std::string format;         ///< text of the format of the packed codes
  std::string layout;         ///< text of the layout
  int64_t bytes = 0;          ///< size of the packed tensor
};

struct FoldOptions {
  unsigned threads = 1;
  /// Called as chunks are done, from one thread at a time, with elements.
  std::function<void(int64_t done, int64_t total)> progress;
};

/// Takes one packed tensor. `bytes` lives until the call returns. An error
/// ends folding.
using PackedSink = std::function<Status(const PackedTensor &tensor,
                                        Span<const uint8_t> bytes)>;

/// All weights of `module`, in the order in which foldWeights gives them: that
/// of the module. Errors: a `param.global` without layout, or whose layout does
/// not fit its type.
Result<std::vector<PackedTensor>> describeWeights(mlir::ModuleOp module);

/// Most bytes that foldWeights will hold at once, mapped source included.
Result<int64_t> predictPeakBytes(mlir::ModuleOp module,
                                 const FoldOptions &options);

/// Reads, encodes and packs each weight of `module` and gives it to `sink`.
/// `source` stands for every scope of `#param.external`. The bytes do not
/// depend on the number of threads. Errors name the weight; besides those of
/// describeWeights: a tensor that is missing or of another shape or type, NaN
/// or infinity (with row and column), an unknown solver, what the sink returns.
Status foldWeights(mlir::ModuleOp module, const weights::WeightSource &source,
                   const PackedSink &sink, const FoldOptions &options);

} // namespace quern::pack

#endif // QUERN_PACK_FOLDWEIGHTS_H
