// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What tests of encoders share.

#ifndef QUERN_TEST_UNIT_NUMERICS_ENCODETESTUTIL_H
#define QUERN_TEST_UNIT_NUMERICS_ENCODETESTUTIL_H

#include "quern/Numerics/EncodeTensor.h"
#include "gtest/gtest.h"
#include <random>

namespace quern::numerics {

/// The format of that name or text.
inline Format format(const std::string &text) {
  Result<Format> result = FormatRegistry::builtin().resolve(text);
  EXPECT_TRUE(result) << text << ": " << result.status().message();
  return *result;
}

inline std::vector<float> normalValues(size_t count, unsigned seed = 1,
                                       float deviation = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(count);
  for (float &x : values)
    x = normal(random);
  return values;
}

/// The values after encoding and decoding.
inline std::vector<float> through(const Format &f,
                                  const std::vector<float> &values,
                                  int64_t rows, int64_t cols,
                                  const EncodeOptions &options = {}) {
  Result<CodedTensor> coded = encodeRows(f, values, rows, cols, options);
  EXPECT_TRUE(coded) << coded.status().message();
  return decodeRows(f, *coded);
}

} // namespace quern::numerics

#endif // QUERN_TEST_UNIT_NUMERICS_ENCODETESTUTIL_H
