// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Formats of weights by a mixture of llama-quantize. Internal to
// Quantize.

#ifndef QUERN_LIB_QUANTIZE_MIXTURES_H
#define QUERN_LIB_QUANTIZE_MIXTURES_H

#include "mlir/IR/BuiltinOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Numerics/Format.h"
#include "quern/Weights/GgufMixtures.h"
#include "quern/Weights/GgufNames.h"

namespace quern::quantize {

/// A mixture for one model.
class MixtureChoice {
public:
  /// The mixture that `text` names: `llama:NAME`, or NAME where `formats` has
  /// none of that name. None if it names no mixture. Fails for a `llama:` of an
  /// unknown name, and for a module without nn.model.
  static Result<std::optional<MixtureChoice>>
  find(const std::string &text, const numerics::FormatRegistry &formats,
       mlir::ModuleOp module);

  /// The format of a matrix.
  numerics::Format formatOf(param::GlobalOp global) const;

private:
  const weights::Mixture *mixture = nullptr;
  weights::MixtureModel model;
  const weights::GgufArchitecture *architecture = nullptr;
};

} // namespace quern::quantize

#endif // QUERN_LIB_QUANTIZE_MIXTURES_H
