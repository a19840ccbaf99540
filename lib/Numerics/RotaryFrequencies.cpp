// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The angles of rotary positions before any scaling.

#include "quern/Numerics/RotaryFrequencies.h"

#include <cmath>

std::vector<float> quern::numerics::plainFrequencies(double base,
                                                     int64_t columns) {
  std::vector<float> frequencies;
  for (int64_t i = 0; i < columns; i += 2) {
    float exponent = static_cast<float>(i) / static_cast<float>(columns);
    // Through binary64, so that the power is rounded once.
    float power = static_cast<float>(
        std::pow(static_cast<double>(static_cast<float>(base)), exponent));
    frequencies.push_back(1.0f / power);
  }
  return frequencies;
}
