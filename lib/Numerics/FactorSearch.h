// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A search that needs to know nothing of a format but its rule.

#ifndef QUERN_LIB_NUMERICS_FACTORSEARCH_H
#define QUERN_LIB_NUMERICS_FACTORSEARCH_H

#include "Blocks.h"
#include "LaneKernels.h"
#include "quern/Numerics/Layout.h"

namespace quern::numerics {

/// Like searchTree, for a scaled format of any structure: codes the matrix by
/// the format's rule with its exact scales times one of a few factors, the best
/// for each outermost block. A smaller scale clips the largest values and makes
/// the steps between all others finer.
void searchFactors(const LaneKernels &kernels, const Format &format,
                   const MatrixView &matrix, const WeightView &weights,
                   CodedTensor &out, int32_t *codes);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_FACTORSEARCH_H
