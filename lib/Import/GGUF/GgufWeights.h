// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The weights of a model in a GGUF file, with their encodings.

#ifndef QUERN_LIB_IMPORT_GGUF_GGUFWEIGHTS_H
#define QUERN_LIB_IMPORT_GGUF_GGUFWEIGHTS_H

#include "../Architecture.h"
#include "../Container.h"
#include "Families.h"
#include "quern/Numerics/Layout.h"

namespace quern::import {

class GgufWeights : public Container {
public:
  GgufWeights(mlir::MLIRContext &context, const weights::WeightSource &source,
              const weights::GgufArchitecture &kind,
              const Architecture &architecture)
      : Container(context, source), kind(kind), architecture(architecture) {}

  std::string tensorNameOf(const Weight &weight) const override;
  Result<std::optional<BoundWeight>>
  bind(const Weight &weight, std::set<std::string> &used) const override;
  Result<bool> mayIgnore(const weights::TensorInfo &tensor) const override;

private:
  /// A format, its layout, and the tensors of the layout's segments.
  struct Coded {
    numerics::Format format;
    numerics::Layout layout;
    std::vector<std::string> tensors;
  };

  Result<Coded> codedOf(const weights::TensorInfo &tensor,
                        std::set<std::string> &used) const;
  Result<BoundWeight> bindWhole(const Weight &weight,
                                const weights::TensorInfo &tensor,
                                std::set<std::string> &used) const;
  Result<BoundWeight> bindPlain(const Weight &weight,
                                const weights::TensorInfo &tensor) const;

  const weights::GgufArchitecture &kind;
  const Architecture &architecture;
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_GGUF_GGUFWEIGHTS_H
