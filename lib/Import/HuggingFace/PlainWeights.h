// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Checkpoints whose weights are numbers, whole tensors or rows of them.

#ifndef QUERN_LIB_IMPORT_HUGGINGFACE_PLAINWEIGHTS_H
#define QUERN_LIB_IMPORT_HUGGINGFACE_PLAINWEIGHTS_H

#include "../Architecture.h"
#include "../Container.h"

namespace quern::import {

class PlainWeights : public Container {
public:
  PlainWeights(mlir::MLIRContext &context, const weights::WeightSource &source,
               const Architecture &architecture)
      : Container(context, source), architecture(architecture) {}

  /// Of a stack, the first tensor that is missing.
  std::string tensorNameOf(const Weight &weight) const override;
  Result<std::optional<BoundWeight>>
  bind(const Weight &weight, std::set<std::string> &used) const override;
  Result<bool> mayIgnore(const weights::TensorInfo &tensor) const override;

protected:
  const Architecture &architecture;

private:
  /// Of tensors one after the other, such as those of experts.
  Result<std::optional<BoundWeight>>
  bindStack(const Weight &weight, std::set<std::string> &used) const;
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_PLAINWEIGHTS_H
