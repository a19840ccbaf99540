// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The codes that a container holds, rows at a time. Internal to Pack.

#ifndef QUERN_LIB_PACK_STOREDCODES_H
#define QUERN_LIB_PACK_STOREDCODES_H

#include "PackedGlobal.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Weights/WeightSource.h"

namespace quern::pack {

/// The tensors of a `#qk.stored`, found.
class StoredCodes {
public:
  /// Fails if a tensor is not in `source` or has not the size of its segment,
  /// or if the layout does not fit. `source` must outlive this.
  static Result<StoredCodes> open(qk::StoredAttr stored, MatrixShape shape,
                                  const weights::WeightSource &source);

  /// Rows [rowBegin, rowEnd), multiples of rowGrain() or the end. Fails at NaN
  /// and infinity.
  Result<numerics::CodedTensor> read(int64_t rowBegin, int64_t rowEnd) const;
  /// Any rows, decoded.
  Status readAsFloat(int64_t rowBegin, int64_t rowEnd, Span<float> out) const;

  /// Rows that can be read alone.
  int64_t rowGrain() const;

  /// Lets go of the mapped pages.
  void release() const;

private:
  qk::StoredAttr stored;
  MatrixShape shape;
  const weights::WeightSource *source = nullptr;
  std::vector<const weights::TensorInfo *> tensors;
  std::vector<Span<const uint8_t>> segments;
};

} // namespace quern::pack

#endif // QUERN_LIB_PACK_STOREDCODES_H
