// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The weights of a quantized checkpoint, with their encodings.

#ifndef QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_QUANTIZEDWEIGHTS_H
#define QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_QUANTIZEDWEIGHTS_H

#include "../PlainWeights.h"
#include "Methods.h"

namespace quern::import {

/// A checkpoint some of whose matrices are stored as `method` says.
class QuantizedWeights : public PlainWeights {
public:
  QuantizedWeights(mlir::MLIRContext &context,
                   const weights::WeightSource &source,
                   const Architecture &architecture,
                   const CheckpointMethod &method)
      : PlainWeights(context, source, architecture), method(method) {}

  Result<std::optional<BoundWeight>>
  bind(const std::string &name, const std::vector<int64_t> &shape,
       std::set<std::string> &used) const override;

private:
  bool isPlain(const weights::CheckpointEntry &entry,
               const std::string &name) const;

  const CheckpointMethod &method;
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_QUANTIZED_QUANTIZEDWEIGHTS_H
