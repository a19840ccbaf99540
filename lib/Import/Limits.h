// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Upper bounds of what a configuration may ask for: far above every
// model, and low enough that products of any two stay in 64 bits.

#ifndef QUERN_LIB_IMPORT_LIMITS_H
#define QUERN_LIB_IMPORT_LIMITS_H

#include <cstdint>

namespace quern::import {

constexpr int64_t widthLimit = int64_t(1) << 24;
constexpr int64_t countLimit = int64_t(1) << 16;
constexpr int64_t contextLimit = int64_t(1) << 28;
/// Largest base of rotary positions whose powers are finite in binary32.
constexpr double ropeBaseLimit = 1e38;
/// No scaling of rotary positions in use comes near this.
constexpr double ropeFactorLimit = 1e6;

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_LIMITS_H
