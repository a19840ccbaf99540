// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Codes of scales and offsets, sixteen blocks at once.

#ifndef QUERN_LIB_NUMERICS_STOREDCODES_H
#define QUERN_LIB_NUMERICS_STOREDCODES_H

#include "RowKernels.h"

namespace quern::numerics::QUERN_LANES {

/// The codes beside `code` in the order of values (of magnitudes, for floats).
inline I32 neighbour(LaneValues &v, const Element &e, I32 code, int delta) {
  int32_t low = 0, high = 0;
  I32 sign = 0;
  switch (e.kind) {
  case ElementKind::Int:
    low = lowestCodeOf(e);
    high = highestCodeOf(e);
    break;
  case ElementKind::Float:
    high = maxFiniteCodeOf(*e.floatType);
    sign = code & ~magnitudeMaskOf(*e.floatType);
    break;
  case ElementKind::Codebook:
    high = int32_t(e.codebook.values.size()) - 1;
    break;
  }
  I32 moved = v.addI(v.subI(code, sign), v.constI32(delta));
  return v.orI(v.minI(v.maxI(moved, v.constI32(low)), v.constI32(high)), sign);
}

inline F32 storedValue(LaneValues &v, const StoredSide &side, I32 code) {
  F32 value =
      applyScale(v, *side.format, decodeElement(v, side.format->element, code),
                 LaneValues::load(side.scale), LaneValues::load(side.offset));
  return side.isDivisor ? 1.0f / value : value;
}

/// The code nearest to `x`.
inline I32 storedCode(LaneValues &v, const StoredSide &side, F32 x) {
  const Format &f = *side.format;
  F32 scale = LaneValues::load(side.scale), inverse = 1;
  if (f.isScaled())
    inverse = f.dividesByScale ? scale : inverseScale(v, scale);
  return encodeElement(
      v, f.element, CodeRounding::Even,
      codeDomainValue(v, f, x, inverse, LaneValues::load(side.offset)));
}

} // namespace quern::numerics::QUERN_LANES

#endif // QUERN_LIB_NUMERICS_STOREDCODES_H
