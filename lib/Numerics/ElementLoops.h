// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Decode.h and Encode.h over arrays.

#ifndef QUERN_LIB_NUMERICS_ELEMENTLOOPS_H
#define QUERN_LIB_NUMERICS_ELEMENTLOOPS_H

#include "quern/Numerics/Format.h"

namespace quern::numerics {

/// The scale and offset of one block, decoded.
struct BlockCode {
  float scale = 0;
  float inverse = 0; ///< what the codes are chosen with
  float offset = 0;  ///< 0 where the format has none
};

/// decodeElement of each code.
void decodeElements(const Element &element, const int32_t *codes, int64_t count,
                    float *values);

/// encodeCode of values of one block.
void encodeBlock(const Format &format, const BlockCode &block,
                 const float *values, int64_t count, int32_t *codes);

/// What encodeScale makes of values of one block under the scale rule of the
/// level above.
void encodeScaleBlock(const Format &format, const ScaleRule &rule,
                      const BlockCode &block, const float *values,
                      int64_t count, int32_t *codes);

/// applyScale to decoded elements of one block, in place.
void applyBlock(const Format &format, const BlockCode &block, float *values,
                int64_t count);

/// Weighted sums over values x of a block and the elements e that code them.
struct BlockSums {
  double weight = 0, e = 0, x = 0, ee = 0, ex = 0, xx = 0;
  double error = 0; ///< of (x - decoded)^2
};

/// Codes the values of one block and adds up; `weights` may be null.
void addBlockSums(const Format &format, const BlockCode &block,
                  const float *values, const float *weights, int64_t count,
                  BlockSums &sums);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_ELEMENTLOOPS_H
