// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Decode.h and Encode.h over arrays.

#include "ElementLoops.h"
#include "LaneValues.h"
#include "quern/Numerics/Encode.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

using F32 = LaneValues::F32;
using I32 = LaneValues::I32;
static constexpr int64_t lanes = LaneValues::lanes;

/// result[i] = map(input[i]), four at a time; the last ones are padded with
/// copies of the first, so that nothing new is computed.
template <class In, class Out, class Map>
static void forLanes(const In *input, int64_t count, Out *result, Map map) {
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    LaneValues::store(map(LaneValues::load(input + i)), result + i);
  if (i == count)
    return;
  In padded[lanes];
  Out out[lanes];
  std::fill(padded, padded + lanes, input[i]);
  std::copy(input + i, input + count, padded);
  LaneValues::store(map(LaneValues::load(padded)), out);
  std::copy(out, out + (count - i), result + i);
}

void numerics::decodeElements(const Element &element, const int32_t *codes,
                              int64_t count, float *values) {
  LaneValues v;
  forLanes(codes, count, values,
           [&](I32 code) { return decodeElement(v, element, code); });
}

void numerics::encodeBlock(const Format &format, const BlockCode &block,
                           const float *values, int64_t count, int32_t *codes) {
  LaneValues v;
  F32 inverse = v.constF32(block.inverse), offset = v.constF32(block.offset);
  forLanes(values, count, codes,
           [&](F32 x) { return encodeCode(v, format, x, inverse, offset); });
}

void numerics::encodeScaleBlock(const Format &format, const ScaleRule &rule,
                                const BlockCode &block, const float *values,
                                int64_t count, int32_t *codes) {
  LaneValues v;
  F32 inverse = v.constF32(block.inverse), offset = v.constF32(block.offset);
  forLanes(values, count, codes, [&](F32 x) {
    F32 scaled = codeDomainValue(v, format, x, inverse, offset);
    return encodeScale(v, format.element, rule, format.codeRounding, scaled);
  });
}

void numerics::applyBlock(const Format &format, const BlockCode &block,
                          float *values, int64_t count) {
  LaneValues v;
  F32 scale = v.constF32(block.scale), offset = v.constF32(block.offset);
  forLanes(values, count, values, [&](F32 element) {
    return applyScale(v, format, element, scale, offset);
  });
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

namespace {
/// BlockSums in binary32, a lane a column modulo four.
struct LaneSums {
  F32 weight = 0, e = 0, x = 0, ee = 0, ex = 0, xx = 0, error = 0;

  void add(F32 w, F32 element, F32 value, F32 decoded) {
    F32 rest = value - decoded;
    weight += w;
    e += w * element;
    x += w * value;
    ee += w * element * element;
    ex += w * element * value;
    xx += w * value * value;
    error += w * rest * rest;
  }

  void flush(BlockSums &sums) {
    for (int i = 0; i < lanes; ++i) {
      sums.weight += double(weight[i]);
      sums.e += double(e[i]);
      sums.x += double(x[i]);
      sums.ee += double(ee[i]);
      sums.ex += double(ex[i]);
      sums.xx += double(xx[i]);
      sums.error += double(error[i]);
    }
    *this = LaneSums();
  }
};
} // namespace

/// Up to four numbers; `rest` where there are no more.
static F32 loadSome(const float *x, int64_t count, float rest) {
  if (count >= lanes)
    return LaneValues::load(x);
  float padded[lanes] = {rest, rest, rest, rest};
  std::copy(x, x + count, padded);
  return LaneValues::load(padded);
}

void numerics::addBlockSums(const Format &format, const BlockCode &block,
                            const float *values, const float *weights,
                            int64_t count, BlockSums &sums) {
  // Few enough columns that the rounding of binary32 does not matter.
  constexpr int64_t columnsToFlush = 256;
  LaneValues v;
  F32 scale = v.constF32(block.scale), inverse = v.constF32(block.inverse);
  F32 offset = v.constF32(block.offset);
  LaneSums partial;
  for (int64_t i = 0; i < count; i += lanes) {
    F32 x = loadSome(values + i, count - i, 0);
    F32 w = weights ? loadSome(weights + i, count - i, 0) : v.constF32(1);
    if (!weights && count - i < lanes)
      w = I32{0, 1, 2, 3} < I32(int32_t(count - i)) ? w : v.constF32(0);
    F32 element = decodeElement(v, format.element,
                                encodeCode(v, format, x, inverse, offset));
    partial.add(w, element, x, applyScale(v, format, element, scale, offset));
    if ((i + lanes) % columnsToFlush == 0)
      partial.flush(sums);
  }
  partial.flush(sums);
}
