// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Decode.h and Encode.h along the rows of a matrix, sixteen columns at a
// time.

#ifndef QUERN_LIB_NUMERICS_ROWKERNELS_H
#define QUERN_LIB_NUMERICS_ROWKERNELS_H

#include "LaneKernels.h"
#include "LaneValues.h"
#include "quern/Numerics/Encode.h"

namespace quern::numerics::QUERN_LANES {

using F32 = LaneValues::F32;
using I32 = LaneValues::I32;
static_assert(LaneValues::lanes == kLanes, "the groups' lanes are these");

template <auto x> struct Constant {
  static constexpr auto value = x;
};

/// Calls body(kind, rounding) with the element's as Constants, so that a loop
/// in `body` that assumes them (assumeElement) does not branch on them.
template <class Body> void withElement(const Format &f, Body body) {
  switch (f.element.kind) {
  case ElementKind::Int:
    break;
  case ElementKind::Float:
    return body(Constant<ElementKind::Float>(), Constant<CodeRounding::Even>());
  case ElementKind::Codebook:
    return body(Constant<ElementKind::Codebook>(),
                Constant<CodeRounding::Even>());
  }
  switch (f.codeRounding) {
  case CodeRounding::Even:
    return body(Constant<ElementKind::Int>(), Constant<CodeRounding::Even>());
  case CodeRounding::Away:
    return body(Constant<ElementKind::Int>(), Constant<CodeRounding::Away>());
  case CodeRounding::Up:
    return body(Constant<ElementKind::Int>(), Constant<CodeRounding::Up>());
  }
}

template <ElementKind kind, CodeRounding rounding>
inline void assumeElement(const Format &f, Constant<kind>, Constant<rounding>) {
  __builtin_assume(f.element.kind == kind);
  if constexpr (kind == ElementKind::Int)
    __builtin_assume(f.codeRounding == rounding);
}

/// result[i] = map(input[i]); the last ones are padded with copies of the
/// first of them, so that nothing new is computed.
template <class In, class Out, class Map>
inline void forLanes(const In *input, int64_t count, Out *__restrict result,
                     Map map) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    LaneValues::store(map(LaneValues::load(input + i)), result + i);
  if (i == count)
    return;
  In padded[kLanes];
  Out out[kLanes];
  for (int64_t k = 0; k < kLanes; ++k)
    padded[k] = input[i + k < count ? i + k : i];
  LaneValues::store(map(LaneValues::load(padded)), out);
  for (int64_t k = 0; i + k < count; ++k)
    result[i + k] = out[k];
}

inline void decodeRow(const Format &f, RowShape shape, RowScales scales,
                      const int32_t *codes, float *values) {
  withElement(f, [&](auto kind, auto rounding) {
    assumeElement(f, kind, rounding);
    LaneValues v;
    for (int64_t b = 0; b < shape.blocks; ++b) {
      F32 scale = v.constF32(scales.scales ? scales.scales[b] : 1);
      F32 offset = v.constF32(scales.offsets ? scales.offsets[b] : 0);
      int64_t first = b * shape.blockCols;
      forLanes(codes + first, shape.blockCols, values + first, [&](I32 code) {
        return applyScale(v, f, decodeElement(v, f.element, code), scale,
                          offset);
      });
    }
  });
}

inline void applyRow(const Format &f, RowShape shape, RowScales scales,
                     float *values) {
  LaneValues v;
  for (int64_t b = 0; b < shape.blocks; ++b) {
    F32 scale = v.constF32(scales.scales[b]);
    F32 offset = v.constF32(scales.offsets ? scales.offsets[b] : 0);
    float *block = values + b * shape.blockCols;
    forLanes(block, shape.blockCols, block, [&](F32 element) {
      return applyScale(v, f, element, scale, offset);
    });
  }
}

inline void encodeRow(const Format &f, const ScaleRule *rule, RowShape shape,
                      RowScales scales, const float *values, int32_t *codes) {
  withElement(f, [&](auto kind, auto rounding) {
    assumeElement(f, kind, rounding);
    LaneValues v;
    for (int64_t b = 0; b < shape.blocks; ++b) {
      F32 inverse = v.constF32(scales.inverses ? scales.inverses[b] : 1);
      F32 offset = v.constF32(scales.offsets ? scales.offsets[b] : 0);
      int64_t first = b * shape.blockCols;
      if (rule)
        forLanes(values + first, shape.blockCols, codes + first, [&](F32 x) {
          F32 scaled = codeDomainValue(v, f, x, inverse, offset);
          return encodeScale(v, f.element, *rule, f.codeRounding, scaled);
        });
      else
        forLanes(values + first, shape.blockCols, codes + first,
                 [&](F32 x) { return encodeCode(v, f, x, inverse, offset); });
    }
  });
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

/// Up to sixteen numbers, then zeros.
inline F32 loadSome(const float *x, int64_t count) {
  if (count >= kLanes)
    return LaneValues::load(x);
  float padded[kLanes] = {};
  for (int64_t i = 0; i < count; ++i)
    padded[i] = x[i];
  return LaneValues::load(padded);
}

/// The least lane. (The builtin reduction looks out for NaNs.)
inline float least(F32 a) {
  auto eight = a.lo < a.hi ? a.lo : a.hi;
  auto four = eight.lo < eight.hi ? eight.lo : eight.hi;
  auto two = four.lo < four.hi ? four.lo : four.hi;
  return two.x < two.y ? two.x : two.y;
}

inline void widenRanges(RowShape shape, const float *values, float *lows,
                        float *highs) {
  LaneValues v;
  for (int64_t b = 0; b < shape.blocks; ++b) {
    F32 low = v.constF32(lows[b]), high = v.constF32(highs[b]);
    for (int64_t i = 0; i < shape.blockCols; i += kLanes) {
      // Ranges hold zero, so padding with it changes nothing.
      F32 x = loadSome(values + b * shape.blockCols + i, shape.blockCols - i);
      low = v.minF(x, low);
      high = v.maxF(x, high);
    }
    lows[b] = least(low);
    highs[b] = -least(-high);
  }
}

inline int32_t largestMagnitude(const float *values, int64_t count) {
  LaneValues v;
  I32 most = v.constI32(0);
  for (int64_t i = 0; i < count; i += kLanes)
    most = v.maxI(most, v.bitcastI(v.absF(loadSome(values + i, count - i))));
  return __builtin_reduce_max(most);
}

} // namespace quern::numerics::QUERN_LANES

#endif // QUERN_LIB_NUMERICS_ROWKERNELS_H
