// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Decode.h and Encode.h over arrays. Each loop has the branches on the
// format outside, so that compilers turn it into vector code.

#ifndef QUERN_LIB_NUMERICS_ELEMENTLOOPS_H
#define QUERN_LIB_NUMERICS_ELEMENTLOOPS_H

#include "quern/Numerics/Encode.h"

namespace quern::numerics {

/// Elements that one round of the loops below handles.
constexpr int64_t loopChunk = 128;

/// decodeElement of `count` codes.
void decodeElements(const Element &element, const int32_t *codes, int64_t count,
                    float *values);

/// encodeElement of `count` values.
void encodeElements(const Element &element, CodeRounding rounding,
                    const float *values, int64_t count, int32_t *codes);

/// codeDomainValue of `count` values of one block.
void codeDomainValues(const Format &format, const float *values, int64_t count,
                      float inverse, float offset, float *result);

/// applyScale to `count` elements of one block; `result` may be `elements`.
void applyScales(const Format &format, const float *elements, int64_t count,
                 float scale, float offset, float *result);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_ELEMENTLOOPS_H
