// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Decode.h and Encode.h over arrays.

#include "ElementLoops.h"

using namespace quern;
using namespace quern::numerics;

void numerics::decodeElements(const Element &element,
                              const int32_t *__restrict codes, int64_t count,
                              float *__restrict values) {
  ScalarValues v;
  switch (element.kind) {
  case ElementKind::Int:
    for (int64_t i = 0; i < count; ++i)
      values[i] = v.toF32(codes[i]);
    return;
  case ElementKind::Float: {
    const FloatType &type = *element.floatType;
    for (int64_t i = 0; i < count; ++i)
      values[i] = decodeFloat(v, type, codes[i]);
    return;
  }
  case ElementKind::Codebook:
    for (int64_t i = 0; i < count; ++i)
      values[i] = v.lookup(element.codebook, codes[i]);
    return;
  }
}

/// The format's facts, in registers: LLVM moves branches on them out of a loop
/// only if it sees that nothing stored there can change them.
template <class Encode>
static void encodeLoop(const float *__restrict values, int64_t count,
                       int32_t *__restrict codes, Encode encode) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = encode(values[i]);
}

static void encodeIntegers(const Element &element, CodeRounding rounding,
                           const float *values, int64_t count, int32_t *codes) {
  ScalarValues v;
  switch (rounding) {
  case CodeRounding::Even:
    return encodeLoop(values, count, codes, [&](float x) {
      return encodeInt(v, element, CodeRounding::Even, x);
    });
  case CodeRounding::Away:
    return encodeLoop(values, count, codes, [&](float x) {
      return encodeInt(v, element, CodeRounding::Away, x);
    });
  case CodeRounding::Up:
    return encodeLoop(values, count, codes, [&](float x) {
      return encodeInt(v, element, CodeRounding::Up, x);
    });
  }
}

void numerics::encodeElements(const Element &element, CodeRounding rounding,
                              const float *values, int64_t count,
                              int32_t *codes) {
  ScalarValues v;
  switch (element.kind) {
  case ElementKind::Int:
    return encodeIntegers(element, rounding, values, count, codes);
  case ElementKind::Float:
    return encodeLoop(values, count, codes,
                      [&](float x) { return encodeFloat(v, *element.floatType, x); });
  case ElementKind::Codebook:
    return encodeLoop(values, count, codes, [&](float x) {
      return encodeCodebook(v, element.codebook, x);
    });
  }
}

void numerics::codeDomainValues(const Format &format,
                                const float *__restrict values, int64_t count,
                                float inverse, float offset,
                                float *__restrict result) {
  ScalarValues v;
  for (int64_t i = 0; i < count; ++i)
    result[i] = codeDomainValue(v, format, values[i], inverse, offset);
}

void numerics::applyScales(const Format &format, const float *elements,
                           int64_t count, float scale, float offset,
                           float *result) {
  ScalarValues v;
  if (!format.isScaled())
    return;
  for (int64_t i = 0; i < count; ++i)
    result[i] = applyScale(v, format, elements[i], scale, offset);
}
