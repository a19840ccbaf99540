// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One instruction set's copy of the inner loops (QUERN_LANES names it).

#include "LaneKernels.h"
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <vector>

// Inline functions that this file shares with others must not end up in the
// program compiled for an instruction set that the CPU may not have. And a
// call in an inner loop would cost more than what it calls.
#pragma clang attribute push(__attribute__((internal_linkage, always_inline)), \
                             apply_to = function)
#include "RowKernels.h"
#include "SearchKernels.h"
#include "VectorKernels.h"
#pragma clang attribute pop

namespace quern::numerics::QUERN_LANES {

#define QUERN_STRING_OF(name) #name
#define QUERN_STRING(name) QUERN_STRING_OF(name)

extern const LaneKernels kernels;
const LaneKernels kernels = {
    QUERN_STRING(QUERN_LANES),
    decodeRow,
    applyRow,
    encodeRow,
    widenRanges,
    largestMagnitude,
    searchFit,
    refitOffset,
    evaluateFit,
    stepCodes,
    codeVectors,
    measureVectors,
    boundVectors,
};

} // namespace quern::numerics::QUERN_LANES
