// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the search of the nearest vectors reads and writes.

#include "VectorTable.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <map>

using namespace quern;
using namespace quern::numerics;

/// Finds the different vectors in some places of all entries. Returns which one
/// each entry has.
static std::vector<int32_t> findHalves(const VectorTable &table,
                                       VectorHalf &half) {
  std::map<std::vector<int32_t>, int32_t> known;
  std::vector<int32_t> indices;
  for (size_t first = 0; first < table.values.size();
       first += size_t(table.size)) {
    std::vector<int32_t> digits;
    for (int64_t i = half.first; i < half.first + half.size; ++i)
      digits.push_back(
          int32_t(std::lower_bound(table.levels.begin(), table.levels.end(),
                                   table.values[first + size_t(i)]) -
                  table.levels.begin()));
    auto [place, isNew] = known.try_emplace(digits, int32_t(known.size()));
    if (isNew)
      half.digits.insert(half.digits.end(), digits.begin(), digits.end());
    indices.push_back(place->second);
  }
  half.count = int64_t(known.size());
  return indices;
}

VectorTable::VectorTable(const Element &element)
    : size(element.vectorSize()), values(element.codebook.values),
      levels(values) {
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  left.size = size / 2;
  right.first = left.size;
  right.size = size - left.size;
  std::vector<int32_t> leftOf = findHalves(*this, left);
  std::vector<int32_t> rightOfCode = findHalves(*this, right);
  for (int32_t group = 0; group < left.count; ++group) {
    groupBegin.push_back(int32_t(codeOf.size()));
    for (size_t code = 0; code < leftOf.size(); ++code)
      if (leftOf[code] == group) {
        codeOf.push_back(int32_t(code));
        rightOf.push_back(rightOfCode[code]);
      }
  }
  groupBegin.push_back(int32_t(codeOf.size()));
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
