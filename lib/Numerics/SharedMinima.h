// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Least numbers of many sets, with what the sets share found once.

#ifndef QUERN_LIB_NUMERICS_SHAREDMINIMA_H
#define QUERN_LIB_NUMERICS_SHAREDMINIMA_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quern::numerics {

/// How to find the least number of each of several sets of numbers: first
/// minima of two, which become numbers of their own, then of the few terms that
/// are left of each set. Greedy: time and again the two that most sets hold are
/// put together (the heuristic of Paar, 1997, for sums over GF(2)).
struct SharedMinima {
  struct Pair {
    int32_t a, b;
  };
  std::vector<Pair> minima;                ///< pair i is number `count` + i
  std::vector<std::vector<int32_t>> terms; ///< of each set, ascending

  /// Sets of indices below `count`.
  SharedMinima(int32_t count, const std::vector<std::vector<int32_t>> &sets);
};

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_SHAREDMINIMA_H
