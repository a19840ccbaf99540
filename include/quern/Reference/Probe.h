// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Watches the intermediate values of an interpreted function, to compare
// them with those of another runtime.

#ifndef QUERN_REFERENCE_PROBE_H
#define QUERN_REFERENCE_PROBE_H

#include "mlir/IR/Value.h"
#include "quern/Reference/Tensor.h"
#include <functional>

namespace quern::reference {

/// Called with every result of every operation, in the order of evaluation.
using Probe = std::function<void(mlir::Value, const Tensor &)>;

/// Writes `tensor` as a NumPy .npy file, version 1.0: '<f4' for real numbers,
/// decoded if they are coded, '<i4' for integers, '<i8' for an index.
Status writeNpy(const std::string &path, const Tensor &tensor);

/// Writes every value it sees into a folder: `0007-nn.linear.npy` for the
/// seventh, and `index.csv` with the file, operation, result number, shape and
/// location of each. An operation that runs twice is written twice.
class NpyProbe {
public:
  /// `folder` is created if it does not exist.
  static Result<NpyProbe> create(const std::string &folder);

  void operator()(mlir::Value value, const Tensor &tensor);
  /// Writes index.csv; the first error of any file.
  Status finish();

private:
  std::string folder;
  std::string index;
  int64_t count = 0;
  Status firstError;
};

} // namespace quern::reference

#endif // QUERN_REFERENCE_PROBE_H
