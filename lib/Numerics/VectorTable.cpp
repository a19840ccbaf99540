// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the search of the nearest vectors reads and writes.

#include "VectorTable.h"
#include "SharedMinima.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <mutex>
#include <numeric>
#include <unordered_map>

using namespace quern;
using namespace quern::numerics;

/// Tables of more halves do without codeOfHalves.
static constexpr int32_t kMostHalves = 1024;

/// Neighbouring places of the vectors: a node for each different content, and
/// which of them each entry has.
struct VectorTable::Part {
  int32_t node = 0, count = 1;
  std::vector<int32_t> of; ///< [entries]
};

VectorTable::Part VectorTable::addPart(const std::vector<int32_t> &digits,
                                       int64_t first, int64_t partSize) {
  Part part;
  part.of.resize(digits.size() / size_t(size));
  if (partSize == 0)
    return part;
  const int32_t levelCount = int32_t(levels.size());
  if (partSize == 1) {
    part.node = 1 + int32_t(first) * levelCount;
    part.count = levelCount;
    for (size_t i = 0; i < part.of.size(); ++i)
      part.of[i] = digits[i * size_t(size) + size_t(first)];
    return part;
  }
  Part left = addPart(digits, first, partSize / 2);
  Part right = addPart(digits, first + partSize / 2, partSize - partSize / 2);
  part.node = int32_t(nodes());
  std::unordered_map<int64_t, int32_t> contents;
  for (size_t i = 0; i < part.of.size(); ++i) {
    auto [content, isNew] =
        contents.try_emplace(int64_t(left.of[i]) * right.count + right.of[i],
                             int32_t(contents.size()));
    if (isNew)
      sums.push_back({left.node + left.of[i], right.node + right.of[i]});
    part.of[i] = content->second;
  }
  part.count = int32_t(contents.size());
  return part;
}

/// Finds what groups share. Returns the group of each entry.
std::vector<int32_t> VectorTable::addMinima(const Part &left,
                                            const Part &right) {
  std::vector<std::vector<int32_t>> rights(size_t(left.count));
  for (size_t code = 0; code < left.of.size(); ++code)
    rights[size_t(left.of[code])].push_back(right.of[code]);
  SharedMinima shared(rightCount, rights);
  // Inputs are the right halves, what is shared lies behind the sums.
  auto nodeOf = [&, behind = int32_t(nodes())](int32_t index) {
    return index < rightCount ? rightNode + index : behind + index - rightCount;
  };
  for (const auto &[a, b] : shared.minima)
    minima.push_back({nodeOf(a), nodeOf(b)});
  std::vector<int32_t> order(rights.size()), groupOf(left.of.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return std::make_pair(shared.terms[size_t(a)].size(), a) <
           std::make_pair(shared.terms[size_t(b)].size(), b);
  });
  std::vector<int32_t> placeOf(order.size());
  leastBegin = {0};
  for (int32_t half : order) {
    if (rights[size_t(half)].empty()) // a level that this place never has
      continue;
    placeOf[size_t(half)] = int32_t(leftOf.size());
    leftOf.push_back(left.node + half);
    for (int32_t index : shared.terms[size_t(half)])
      leastOf.push_back(nodeOf(index));
    leastBegin.push_back(int32_t(leastOf.size()));
  }
  for (size_t code = 0; code < groupOf.size(); ++code)
    groupOf[code] = placeOf[size_t(left.of[code])];
  return groupOf;
}

void VectorTable::addEntries(const std::vector<int32_t> &groupOf,
                             const Part &right) {
  groupBegin.resize(size_t(leftCount) + 1);
  for (int32_t group : groupOf)
    ++groupBegin[size_t(group) + 1];
  for (size_t i = 1; i < groupBegin.size(); ++i)
    groupBegin[i] += groupBegin[i - 1];
  rightOf.resize(groupOf.size());
  codeOf.resize(groupOf.size());
  std::vector<int32_t> next = groupBegin;
  for (size_t code = 0; code < groupOf.size(); ++code) {
    size_t place = size_t(next[size_t(groupOf[code])]++);
    rightOf[place] = right.of[code];
    codeOf[place] = int32_t(code);
  }
  if (std::max(leftCount, rightCount) > kMostHalves)
    return;
  codeOfHalves.resize(size_t(leftCount) * size_t(rightCount));
  for (size_t code = groupOf.size(); code-- > 0;)
    codeOfHalves[size_t(groupOf[code]) * size_t(rightCount) +
                 size_t(right.of[code])] = int32_t(code);
}

VectorTable::VectorTable(const Element &element)
    : size(element.vectorSize()), values(element.codebook.values) {
  for (float value : values) {
    auto place = std::lower_bound(levels.begin(), levels.end(), value);
    if (place == levels.end() || *place != value)
      levels.insert(place, value);
  }
  std::vector<int32_t> digits;
  for (float value : values)
    digits.push_back(
        int32_t(std::lower_bound(levels.begin(), levels.end(), value) -
                levels.begin()));
  Part left = addPart(digits, 0, size / 2);
  Part right = addPart(digits, size / 2, size - size / 2);
  rightNode = right.node;
  rightCount = right.count;
  std::vector<int32_t> groupOf = addMinima(left, right);
  leftCount = int32_t(leftOf.size());
  addEntries(groupOf, right);
}

std::shared_ptr<const VectorTable>
numerics::vectorTableOf(const Element &element) {
  constexpr size_t limit = 8;
  struct Kept {
    Codebook codebook;
    std::shared_ptr<const VectorTable> table;
  };
  static std::mutex mutex;
  static std::vector<Kept> kept; // the oldest first
  std::lock_guard<std::mutex> lock(mutex);
  for (const Kept &known : kept)
    if (known.codebook == element.codebook)
      return known.table;
  if (kept.size() == limit)
    kept.erase(kept.begin());
  kept.push_back({element.codebook, std::make_shared<VectorTable>(element)});
  return kept.back().table;
}

VectorPlan::VectorPlan(const Element &element, int64_t blockSize)
    : table(vectorTableOf(element)), signs(element.signs),
      period(placePeriod(element)), units(blockSize / period),
      offsetOf(size_t(units)) {}

VectorCodes::VectorCodes(const VectorPlan &plan)
    : codes(size_t(plan.units * plan.codesOfUnit() * kLanes)),
      signs(size_t(plan.units * plan.signsOfUnit() * kLanes)),
      offsets(size_t(plan.offsetBlocks * kLanes)), triedCodes(codes.size()),
      triedSigns(signs.size()) {
  int64_t vectors =
      2 * plan.period + plan.table->nodes() + plan.table->leftCount;
  // One more, to align the first.
  scratch.resize(size_t((vectors + 1) * kLanes));
}
