// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The angles of rotary positions before any scaling.

#ifndef QUERN_NUMERICS_ROTARYFREQUENCIES_H
#define QUERN_NUMERICS_ROTARYFREQUENCIES_H

#include <cstdint>
#include <vector>

namespace quern::numerics {

/// base^(-2i / headDim) for each pair i of columns of a head. The arithmetic is
/// binary32 in the order of the transformers library, so that the angles agree
/// with the ones that a model was trained with.
std::vector<float> plainFrequencies(double base, int64_t headDim);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_ROTARYFREQUENCIES_H
