// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the search of the nearest vectors reads and writes.

#include "VectorTable.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <unordered_map>

using namespace quern;
using namespace quern::numerics;

/// Finds the different vectors in some places of all entries. Returns which one
/// each entry has.
static std::vector<int32_t> findHalves(const VectorTable &table,
                                       const std::vector<int32_t> &digits,
                                       VectorHalf &half) {
  // A tree of digits; a half is a leaf.
  const int64_t levels = int64_t(table.levels.size());
  std::unordered_map<int64_t, int64_t> children;
  std::unordered_map<int64_t, int32_t> leaves;
  std::vector<int32_t> indices;
  for (auto entry = digits.begin(); entry != digits.end();
       entry += table.size) {
    int64_t node = 0;
    for (int64_t i = half.first; i < half.first + half.size; ++i)
      node = children
                 .try_emplace(node * levels + entry[i],
                              int64_t(children.size()) + 1)
                 .first->second;
    auto [leaf, isNew] = leaves.try_emplace(node, int32_t(leaves.size()));
    if (isNew)
      half.digits.insert(half.digits.end(), entry + half.first,
                         entry + half.first + half.size);
    indices.push_back(leaf->second);
  }
  half.count = int64_t(leaves.size());
  return indices;
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
  left.size = size / 2;
  right.first = left.size;
  right.size = size - left.size;
  std::vector<int32_t> leftOf = findHalves(*this, digits, left);
  std::vector<int32_t> rightOfCode = findHalves(*this, digits, right);
  groupBegin.resize(size_t(left.count) + 1);
  for (int32_t group : leftOf)
    ++groupBegin[size_t(group) + 1];
  for (size_t i = 1; i < groupBegin.size(); ++i)
    groupBegin[i] += groupBegin[i - 1];
  rightOf.resize(leftOf.size());
  codeOf.resize(leftOf.size());
  std::vector<int32_t> next = groupBegin;
  for (size_t code = 0; code < leftOf.size(); ++code) {
    size_t place = size_t(next[size_t(leftOf[code])]++);
    rightOf[place] = rightOfCode[code];
    codeOf[place] = int32_t(code);
  }
}

VectorPlan::VectorPlan(const Element &element, int64_t blockSize)
    : table(element), signs(element.signs), period(placePeriod(element)),
      units(blockSize / period), offsetOf(size_t(units)) {}

VectorCodes::VectorCodes(const VectorPlan &plan)
    : codes(size_t(plan.units * plan.codesOfUnit() * kLanes)),
      signs(size_t(plan.units * plan.signsOfUnit() * kLanes)),
      offsets(size_t(plan.offsetBlocks * kLanes)), triedCodes(codes.size()),
      triedSigns(signs.size()) {
  const VectorTable &table = plan.table;
  int64_t vectors = 2 * plan.period +
                    table.size * int64_t(table.levels.size()) +
                    2 * table.left.count + table.right.count;
  // One more, to align the first.
  scratch.resize(size_t((vectors + 1) * kLanes));
}
