// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What passes that give weights their formats share. Internal to
// Quantize.

#ifndef QUERN_LIB_QUANTIZE_WEIGHTENCODINGS_H
#define QUERN_LIB_QUANTIZE_WEIGHTENCODINGS_H

#include "EncodingRules.h"
#include "mlir/IR/BuiltinOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "llvm/ADT/MapVector.h"

namespace quern::quantize {

using WeightMap = llvm::MapVector<param::GlobalOp, WeightUses>;

/// The weights of linears and embeddings, in the order of the module.
WeightMap collectWeights(mlir::ModuleOp module);

/// Has the numbers of `global` coded in `format` by `solver`. Those that a
/// container's codes stand for are binary32.
void encodeAs(param::GlobalOp global, const numerics::Format &format,
              llvm::StringRef solver);

/// Fails, with a message, at the first rule that matched no weight.
mlir::LogicalResult checkRulesUsed(mlir::ModuleOp module,
                                   const std::vector<EncodingRule> &rules,
                                   const std::vector<bool> &isUsed);

} // namespace quern::quantize

#endif // QUERN_LIB_QUANTIZE_WEIGHTENCODINGS_H
