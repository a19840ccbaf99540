// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The codes that a container holds, rows at a time. Internal to Pack.

#ifndef QUERN_LIB_PACK_STOREDCODES_H
#define QUERN_LIB_PACK_STOREDCODES_H

#include "PackedGlobal.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Weights/WeightSource.h"
#include <memory>

namespace quern::pack {

/// The tensors of a `#qk.stored`, found.
class StoredCodes {
public:
  /// Fails if a tensor is not in `source` or has not the size of its segment,
  /// or if the layout does not fit, or groups are none. `source` must outlive
  /// this.
  static Result<StoredCodes> open(qk::StoredAttr stored, MatrixShape shape,
                                  const weights::WeightSource &source);

  /// Rows [rowBegin, rowEnd), multiples of rowGrain() or the end, in
  /// `format()`: columns of one group are neighbours. Fails at NaN and
  /// infinity.
  Result<numerics::CodedTensor> read(int64_t rowBegin, int64_t rowEnd) const;
  /// Any rows of the weight, its columns in their own order, or of what
  /// `read` gives, decoded.
  Status readAsFloat(int64_t rowBegin, int64_t rowEnd, bool isMatrix,
                     Span<float> out) const;

  /// What is read: the format without an order of columns.
  const numerics::Format &format() const { return matrixFormat; }
  /// The column that each of those that are read becomes; empty: itself.
  const std::vector<int32_t> &order() const { return columns; }

  /// Rows that can be read alone.
  int64_t rowGrain() const;

  /// Lets go of the mapped pages.
  void release() const;

private:
  Status addTensors(int64_t matrix);
  Result<Span<const uint8_t>> bytesOf(mlir::Attribute tensor, int64_t bytes);
  Status readOrder();

  qk::StoredAttr stored;
  numerics::Format matrixFormat;
  MatrixShape shape;
  numerics::StoredRows rows;
  const weights::WeightSource *source = nullptr;
  std::vector<const weights::TensorInfo *> tensors;
  std::vector<std::vector<Span<const uint8_t>>> segments; ///< of each matrix
  /// Those that no tensor has.
  std::vector<std::shared_ptr<const std::vector<uint8_t>>> constants;
  std::vector<int32_t> columns;
};

} // namespace quern::pack

#endif // QUERN_LIB_PACK_STOREDCODES_H
