// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which activations of an integer product share a scale.

#ifndef QUERN_NUMERICS_ACTIVATIONGROUP_H
#define QUERN_NUMERICS_ACTIVATIONGROUP_H

#include "quern/Numerics/Format.h"

namespace quern::numerics {

/// Columns of an activation of `width` columns that share a scale beside
/// weights of `weight`, a divisor of `width`; 0 if no integer product of the
/// two is possible.
///
/// Whole blocks of the weight, up to 128 columns: the scale of the activations
/// then multiplies the sum over them once. A scale for more columns would cost
/// accuracy that the weight has (docs/Rationale/Kernels.md has figures).
int64_t activationGroup(const Format &weight, int64_t width);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_ACTIVATIONGROUP_H
