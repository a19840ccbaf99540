// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Composite elements: vectors of a codebook, and signs kept apart.

#ifndef QUERN_LIB_NUMERICS_VECTORSEARCH_H
#define QUERN_LIB_NUMERICS_VECTORSEARCH_H

#include "Blocks.h"
#include "VectorTable.h"

namespace quern::numerics {

/// Whether a composite format's offset is one of few values whatever the block
/// holds, so that all can be tried.
bool choosesOffset(const Format &format);

/// The values that such an offset can have, from the lowest code on.
std::vector<float> offsetChoices(const Format &format);

/// How the blocks of a matrix become vectors, signs and chosen offsets.
VectorPlan vectorPlanOf(const Format &format, const Blocks &blocks,
                        const MatrixView &matrix);

/// The planes of a composite level. Those of signs and chosen offsets are new
/// ones of `out`.
class VectorPlanes {
public:
  VectorPlanes(const Format &format, const MatrixView &matrix, CodedTensor &out,
               int32_t *codes);

  /// Copies a lane of `from`, the codes of block `index`.
  void put(const VectorPlan &plan, const Blocks &blocks,
           const VectorCodes &from, int64_t lane, int64_t index) const;

private:
  const int64_t cols;
  Blocks offsetBlocks;
  int32_t *codes, *signs = nullptr, *offsets = nullptr; ///< null: none
  int32_t lowestOffset = 0;
};

/// Codes a matrix of values in units of their scales (and moved by offsets that
/// are not chosen here) by the nearest vectors and signs: in weighted squares,
/// ties to the lower code. Signs are those of the values; where their number
/// must be even and is not, one that costs little is flipped (without weights,
/// that of the value closest to zero). Signs go to `out`, and so do offsets if
/// choosesOffset.
void encodeVectors(const LaneKernels &kernels, const Format &format,
                   const MatrixView &matrix, const WeightView &weights,
                   CodedTensor &out, int32_t *codes);

/// Elements of `count` neighbouring columns, of which the first is a multiple
/// of placePeriod(element). `signs` is null where the element has none.
void decodeVectors(const Element &element, const int32_t *codes,
                   const int32_t *signs, int64_t count, float *values);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_VECTORSEARCH_H
