// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Composite elements: vectors of a codebook, and signs kept apart.

#include "VectorSearch.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>

using namespace quern;
using namespace quern::numerics;

VectorSearch::VectorSearch(const Element &element) : element(element) {
  const Codebook &codebook = element.codebook;
  size_t size = codebook.vectorSize;
  entries = codebook.values.size() / size;
  columns.resize(codebook.values.size());
  for (size_t entry = 0; entry < entries; ++entry)
    for (size_t i = 0; i < size; ++i)
      columns[i * entries + entry] = codebook.values[entry * size + i];
  distance.resize(entries);
}

int32_t VectorSearch::nearest(const float *values, const float *weights) {
  std::fill(distance.begin(), distance.end(), 0.0f);
  float *sum = distance.data();
  for (size_t i = 0; i < element.codebook.vectorSize; ++i) {
    const float *column = columns.data() + i * entries;
    float x = values[i], w = weights ? weights[i] : 1.0f;
    for (size_t entry = 0; entry < entries; ++entry)
      sum[entry] += w * ((x - column[entry]) * (x - column[entry]));
  }
  return int32_t(std::min_element(distance.begin(), distance.end()) -
                 distance.begin());
}

/// Takes the signs off eight values and returns their code.
static int32_t takeEvenSigns(float *values) {
  unsigned negative = 0, closest = 0;
  for (unsigned i = 0; i < kSignsOfEven; ++i) {
    negative |= unsigned(values[i] < 0) << i;
    values[i] = std::fabs(values[i]);
    if (values[i] < values[closest])
      closest = i;
  }
  if (__builtin_popcount(negative) % 2 != 0) {
    negative ^= 1u << closest;
    values[closest] = -values[closest];
  }
  return int32_t(negative & ((1u << (kSignsOfEven - 1)) - 1));
}

void VectorSearch::encode(const float *values, const float *weights,
                          int64_t count, int32_t *codes, int32_t *signs) {
  const int64_t size = element.vectorSize(), period = placePeriod(element);
  std::vector<float> magnitudes(static_cast<size_t>(period));
  for (int64_t begin = 0; begin < count; begin += period) {
    std::copy(values + begin, values + begin + period, magnitudes.begin());
    if (element.signs == SignPolicy::Even)
      for (int64_t i = 0; i < period; i += kSignsOfEven)
        *signs++ = takeEvenSigns(magnitudes.data() + i);
    else if (element.signs == SignPolicy::Each)
      for (float &value : magnitudes) {
        *signs++ = int32_t(value < 0);
        value = std::fabs(value);
      }
    for (int64_t i = 0; i < period; i += size)
      *codes++ = nearest(magnitudes.data() + i,
                         weights ? weights + begin + i : nullptr);
  }
}

void numerics::decodeVectors(const Element &element, const int32_t *codes,
                             const int32_t *signs, int64_t count,
                             float *values) {
  ScalarValues v;
  const int64_t size = element.vectorSize();
  const int64_t perSign = element.signs == SignPolicy::Even ? kSignsOfEven : 1;
  for (int64_t i = 0; i < count; ++i) {
    unsigned place = unsigned(i % placePeriod(element));
    float value = decodeElement(v, element, codes[i / size], place);
    if (element.signs != SignPolicy::None)
      value = negateIf(
          v, decodeSign(v, element.signs, signs[i / perSign], place), value);
    values[i] = value;
  }
}
