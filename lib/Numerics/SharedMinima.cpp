// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Least numbers of many sets, with what the sets share found once.

#include "SharedMinima.h"

using namespace quern;
using namespace quern::numerics;

/// More numbers or sets than these are left as they are: finding what they
/// share would take too long.
static constexpr size_t kMost = 256;
/// Numbers that are shared must fit into a first-level cache.
static constexpr size_t kMostShared = 512;
/// In how many sets a pair must be. One that is in two saves no work.
static constexpr int kFewest = 3;

namespace {
/// The sets as bits: of each number, which sets hold it.
class Sharing {
public:
  Sharing(int32_t count, const std::vector<std::vector<int32_t>> &sets)
      : words((sets.size() + 63) / 64), holders(size_t(count)) {
    for (std::vector<uint64_t> &bits : holders)
      bits.resize(words);
    for (size_t set = 0; set < sets.size(); ++set)
      for (int32_t index : sets[set])
        holders[size_t(index)][set / 64] |= uint64_t(1) << (set % 64);
    partners.resize(holders.size());
    for (size_t i = 0; i < holders.size(); ++i)
      findPartner(i);
  }

  /// Puts the two together that most sets hold; false if those are too few.
  bool join(SharedMinima::Pair &pair) {
    size_t a = 0;
    for (size_t i = 1; i < partners.size(); ++i)
      if (partners[i].sets > partners[a].sets)
        a = i;
    if (partners[a].sets < kFewest)
      return false;
    size_t b = partners[a].index;
    pair = {int32_t(a), int32_t(b)};
    std::vector<uint64_t> both(words);
    for (size_t w = 0; w < words; ++w) {
      both[w] = holders[a][w] & holders[b][w];
      holders[a][w] &= ~both[w];
      holders[b][w] &= ~both[w];
    }
    holders.push_back(std::move(both));
    partners.emplace_back();
    // Only pairs with these three have changed, and only the new one's grew;
    // that one looks for partners among all others itself.
    for (size_t i = 0; i < holders.size(); ++i)
      if (i == a || i == b || i + 1 == holders.size() ||
          partners[i].index == a || partners[i].index == b)
        findPartner(i);
    return true;
  }

  bool holds(size_t set, size_t index) const {
    return holders[index][set / 64] >> (set % 64) & 1;
  }
  size_t size() const { return holders.size(); }

private:
  struct Partner {
    size_t index = 0;
    int sets = 0; ///< that hold both
  };

  /// The number that is most often with number `i`.
  void findPartner(size_t i) {
    partners[i] = {};
    for (size_t other = 0; other < holders.size(); ++other) {
      int sets = 0;
      for (size_t w = 0; other != i && w < words; ++w)
        sets += __builtin_popcountll(holders[i][w] & holders[other][w]);
      if (sets > partners[i].sets)
        partners[i] = {other, sets};
    }
  }

  const size_t words;
  std::vector<std::vector<uint64_t>> holders;
  std::vector<Partner> partners;
};
} // namespace

SharedMinima::SharedMinima(int32_t count,
                           const std::vector<std::vector<int32_t>> &sets)
    : terms(sets) {
  if (size_t(count) > kMost || sets.size() > kMost)
    return;
  Sharing sharing(count, sets);
  Pair pair;
  while (minima.size() < kMostShared && sharing.join(pair))
    minima.push_back(pair);
  for (size_t set = 0; set < sets.size(); ++set) {
    terms[set].clear();
    for (size_t index = 0; index < sharing.size(); ++index)
      if (sharing.holds(set, index))
        terms[set].push_back(int32_t(index));
  }
}
