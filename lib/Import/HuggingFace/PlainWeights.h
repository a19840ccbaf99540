// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Checkpoints whose weights are numbers under the names of the model.

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

  Result<std::optional<BoundWeight>>
  bind(const std::string &name, const std::vector<int64_t> &shape,
       std::set<std::string> &used) const override;
  Result<bool> mayIgnore(const weights::TensorInfo &tensor) const override;

protected:
  const Architecture &architecture;
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_PLAINWEIGHTS_H
