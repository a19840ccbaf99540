// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The values of a module's weights, as its `param.global` ops define
// them.

#ifndef QUERN_REFERENCE_WEIGHTSTORE_H
#define QUERN_REFERENCE_WEIGHTSTORE_H

#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Reference/Tensor.h"
#include "quern/Weights/WeightSource.h"
#include <map>

namespace quern::reference {

/// Evaluates the initial values of globals and keeps the results. One store
/// serves one module: results are kept by the global's name.
class WeightStore {
public:
  /// Makes `#param.external<scope, …>` read from `source`.
  void bind(const std::string &scope,
            std::shared_ptr<const weights::WeightSource> source);

  /// The value of `global`: read, rounded to the element type of its type, and
  /// coded if its type has an encoding. Errors name the tensor.
  Result<Tensor> load(param::GlobalOp global);

  /// What `global` stands for with the column transforms that
  /// quantize-expand-column-transforms took off it; else as load().
  Result<Tensor> loadWhole(param::GlobalOp global);

private:
  std::map<std::string, std::shared_ptr<const weights::WeightSource>> sources;
  std::map<std::string, Tensor> loaded;
};

} // namespace quern::reference

#endif // QUERN_REFERENCE_WEIGHTSTORE_H
