// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The weights of a quantized checkpoint, with their encodings.

#ifndef QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_QUANTIZEDWEIGHTS_H
#define QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_QUANTIZEDWEIGHTS_H

#include "../PlainWeights.h"
#include "Methods.h"

namespace quern::weights {
struct TensorStack;
} // namespace quern::weights

namespace quern::import {

struct StoredMatrix;

/// A checkpoint some of whose matrices are stored as `method` says.
class QuantizedWeights : public PlainWeights {
public:
  QuantizedWeights(mlir::MLIRContext &context,
                   const weights::WeightSource &source,
                   const Architecture &architecture,
                   const CheckpointMethod &method)
      : PlainWeights(context, source, architecture), method(method) {}

  Result<std::optional<BoundWeight>>
  bind(const Weight &weight, std::set<std::string> &used) const override;

  /// Fails if a rule of the configuration names no module of the model.
  Status checkRules() const;
  /// Fails if weights must be quantized, but all are numbers.
  Status checkQuantized(const BoundWeights &bound) const;

private:
  Result<std::optional<StoredMatrix>>
  bindMatrix(const std::string &name, const std::vector<int64_t> &shape,
             std::set<std::string> &used) const;
  Status checkAlike(const weights::TensorStack &stack, int64_t index,
                    const std::vector<int64_t> &shape,
                    const StoredMatrix &matrix,
                    std::set<std::string> &used) const;
  Result<BoundWeight> build(const Weight &weight,
                            const StoredMatrix &matrix) const;
  bool isPlain(const weights::CheckpointEntry &entry,
               const std::string &name) const;

  const CheckpointMethod &method;
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_QUANTIZEDWEIGHTS_H
