// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The search for scales where elements are vectors or have signs apart.

#ifndef QUERN_LIB_NUMERICS_COMPOSITESEARCH_H
#define QUERN_LIB_NUMERICS_COMPOSITESEARCH_H

#include "Blocks.h"
#include "LaneKernels.h"

namespace quern::numerics {

/// Whether searchVectors knows how codes and offsets follow from the scale.
bool canSearchVectors(const Format &format);

/// Like searchTree, for a composite element.
void searchVectors(const LaneKernels &kernels, const Format &format,
                   const MatrixView &matrix, const WeightView &weights,
                   CodedTensor &out, int32_t *codes);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_COMPOSITESEARCH_H
