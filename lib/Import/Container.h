// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How a container holds the weights of a model.

#ifndef QUERN_LIB_IMPORT_CONTAINER_H
#define QUERN_LIB_IMPORT_CONTAINER_H

#include "WeightNames.h"
#include "quern/Weights/WeightSource.h"

#include "mlir/IR/BuiltinTypes.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace quern::import {

/// A weight as a `param.global` has it: its type, with the encoding that it
/// arrived in, and where its numbers or codes are.
struct BoundWeight {
  mlir::RankedTensorType type;
  mlir::Attribute value;
};

/// Weights by the names that they have in the model (WeightNames.h).
using BoundWeights = std::map<std::string, BoundWeight>;

/// Finds the weights of a model in the tensors of a source. Each way in which
/// containers name and encode weights is one of these.
class Container {
public:
  Container(mlir::MLIRContext &context, const weights::WeightSource &source)
      : context(context), source(source) {}
  virtual ~Container();

  const weights::WeightSource &getSource() const { return source; }

  /// What the container calls the tensor that `weight` is missing without, for
  /// messages.
  virtual std::string tensorNameOf(const Weight &weight) const = 0;

  /// Where `weight` is. Its tensors go into `used`; nothing if it is not there.
  /// Fails for tensors that are there but do not make such a weight.
  virtual Result<std::optional<BoundWeight>>
  bind(const Weight &weight, std::set<std::string> &used) const = 0;

  /// Whether a tensor that no weight uses may be there. Fails if it may not,
  /// and there is more to say than its name.
  virtual Result<bool> mayIgnore(const weights::TensorInfo &tensor) const = 0;

protected:
  /// The weight of a tensor that holds numbers. Fails unless it has `shape`
  /// and a float type.
  Result<BoundWeight> bindNumbers(const weights::TensorInfo &tensor,
                                  const std::vector<int64_t> &shape) const;

  mlir::MLIRContext &context;
  const weights::WeightSource &source;
};

/// Fails unless `tensor` has `shape`.
Status checkTensorShape(const weights::TensorInfo &tensor,
                        const std::vector<int64_t> &shape);

/// The IR type of numbers of `dtype`; null if it is not F32, F16 or BF16.
mlir::FloatType floatTypeOf(mlir::MLIRContext &context, weights::DType dtype);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_CONTAINER_H
