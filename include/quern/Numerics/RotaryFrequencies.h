// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The angles of rotary positions before any scaling.

#ifndef QUERN_NUMERICS_ROTARYFREQUENCIES_H
#define QUERN_NUMERICS_ROTARYFREQUENCIES_H

#include <cstdint>
#include <vector>

namespace quern::numerics {

/// base^(-2i / columns) for each pair i of the columns of a head that turn. The
/// arithmetic is binary32 in the order of the transformers library, so that the
/// angles agree with the ones that a model was trained with.
std::vector<float> plainFrequencies(double base, int64_t columns);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_ROTARYFREQUENCIES_H
