// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The nearest vectors and signs of sixteen blocks at once.

#ifndef QUERN_LIB_NUMERICS_VECTORKERNELS_H
#define QUERN_LIB_NUMERICS_VECTORKERNELS_H

#include "RowKernels.h"
#include "VectorTable.h"

namespace quern::numerics::QUERN_LANES {

/// Codes the vectors of sixteen blocks.
class VectorCoder {
public:
  VectorCoder(const VectorPlan &plan, const LaneGroup &group,
              VectorCodes &result);

  void run(const float *inverses);
  /// Finds the costs alone.
  void measure(const float *inverses);
  /// Finds what the costs cannot be below.
  void bound(const float *inverses);

private:
  F32 *allocate(int64_t count) {
    F32 *place = next;
    next += count;
    return place;
  }
  F32 weightAt(int64_t step) const {
    return group.weights ? LaneValues::load(group.weights + step * kLanes)
                         : F32(1);
  }

  void readUnit(int64_t unit, F32 inverse, F32 zero);
  void takeSigns(int64_t unit);
  void takeEachSign(int32_t *sign);
  void takeEvenSigns(int64_t place, int32_t *sign);
  F32 flipCost(int64_t place) const;
  F32 codeUnit(int64_t unit);
  F32 nearest(int64_t place);
  I32 codesAt(F32 best) const;
  int32_t lowestCodeAt(float best, int lane) const;
  void keepUnit(int64_t unit, I32 isBetter);
  template <class Body> void forUnits(int32_t block, Body body) {
    for (int64_t unit = 0; unit < plan.units; ++unit)
      if (plan.offsetOf[size_t(unit)] == block)
        body(unit);
  }
  F32 codeOffsetBlock(int32_t block, F32 inverse);
  F32 costOfOffsetBlock(int32_t block, F32 inverse);
  struct LevelSums {
    F32 cost = 0, xe = 0, ee = 0;
  };
  void addLevels(int64_t unit, F32 inverse, F32 offset, LevelSums &sums);
  void addProducts(int64_t unit, F32 inverse, F32 &xe, F32 &ee);

  const VectorPlan &plan;
  const VectorTable &table;
  const LaneGroup &group;
  VectorCodes &result;
  LaneValues v;
  F32 *next;
  F32 *magnitudes, *weights; ///< of the current unit
  F32 *nodes;                ///< of the table
  F32 *groupCosts;           ///< [table.leftCount]
};

inline VectorCoder::VectorCoder(const VectorPlan &plan, const LaneGroup &group,
                                VectorCodes &result)
    : plan(plan), table(*plan.table), group(group), result(result),
      next(reinterpret_cast<F32 *>(
          (reinterpret_cast<uintptr_t>(result.scratch.data()) + sizeof(F32) -
           1) /
          sizeof(F32) * sizeof(F32))),
      magnitudes(allocate(plan.period)), weights(allocate(plan.period)),
      nodes(allocate(table.nodes())), groupCosts(allocate(table.leftCount)) {
  nodes[0] = 0;
}

//===----------------------------------------------------------------------===//
// One vector
//===----------------------------------------------------------------------===//

/// How far the nearest vectors are from the magnitudes from `place` on.
inline F32 VectorCoder::nearest(int64_t place) {
  F32 *node = nodes + 1;
  for (int64_t i = place; i < place + table.size; ++i)
    for (float level : table.levels) {
      F32 rest = magnitudes[i] - level;
      *node++ = weights[i] * (rest * rest);
    }
  for (NodePair pair : table.sums)
    *node++ = nodes[pair.a] + nodes[pair.b];
  for (NodePair pair : table.minima)
    *node++ = v.minF(nodes[pair.a], nodes[pair.b]);
  const int32_t *term = table.leastOf.data();
  F32 best = std::numeric_limits<float>::infinity();
  for (int64_t g = 0; g < table.leftCount; ++g) {
    const int32_t *end = table.leastOf.data() + table.leastBegin[size_t(g + 1)];
    F32 least = nodes[*term++];
    for (; term != end; ++term)
      least = v.minF(nodes[*term], least);
    groupCosts[g] = nodes[table.leftOf[size_t(g)]] + least;
    best = v.minF(groupCosts[g], best);
  }
  return best;
}

/// The lowest code of the cost `best` in one lane.
inline int32_t VectorCoder::lowestCodeAt(float best, int lane) const {
  int32_t found = INT32_MAX;
  for (int64_t g = 0; g < table.leftCount; ++g) {
    if (groupCosts[g][lane] != best)
      continue;
    // Members come by code, so the first one will do.
    int32_t member = table.groupBegin[size_t(g)];
    while (nodes[table.leftOf[size_t(g)]][lane] +
               nodes[table.rightNode + table.rightOf[size_t(member)]][lane] !=
           best)
      ++member;
    found = std::min(found, table.codeOf[size_t(member)]);
  }
  return found == INT32_MAX ? 0 : found;
}

/// The lowest codes whose cost is `best`, after nearest().
inline I32 VectorCoder::codesAt(F32 best) const {
  // How many halves fit, and in the lower bits the sum of their indices: if
  // there is one, that is its index.
  constexpr int32_t one = 1 << 16;
  I32 lefts = 0, rights = 0;
  F32 leftCost = 0;
  for (int32_t g = 0; g < table.leftCount; ++g) {
    I32 isHere = groupCosts[g] == best;
    lefts += isHere & (one + g);
    leftCost = isHere ? nodes[table.leftOf[size_t(g)]] : leftCost;
  }
  for (int32_t r = 0; r < table.rightCount; ++r)
    rights += (leftCost + nodes[table.rightNode + r] == best) & (one + r);
  I32 isOne = (lefts >> 16 == 1) & (rights >> 16 == 1);
  I32 pair = (lefts & (one - 1)) * table.rightCount + (rights & (one - 1));
  I32 code = 0;
  for (int lane = 0; lane < kLanes; ++lane)
    code[lane] = isOne[lane] && !table.codeOfHalves.empty()
                     ? table.codeOfHalves[size_t(pair[lane])]
                     : lowestCodeAt(best[lane], lane);
  return code;
}

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

inline void VectorCoder::takeEachSign(int32_t *sign) {
  for (int64_t i = 0; i < plan.period; ++i) {
    I32 isNegative = magnitudes[i] < F32(0);
    LaneValues::store(isNegative & 1, sign + i * kLanes);
    magnitudes[i] = v.absF(magnitudes[i]);
  }
}

/// About what the other sign of a magnitude costs: instead of the nearest level
/// it will get the lowest one of the other side.
inline F32 VectorCoder::flipCost(int64_t place) const {
  F32 a = magnitudes[place];
  if (!group.weights)
    return a;
  F32 least = std::numeric_limits<float>::infinity();
  for (float level : table.levels)
    least =
        (a - level) * (a - level) < least ? (a - level) * (a - level) : least;
  F32 other = a + table.levels.front();
  return weights[place] * (other * other - least);
}

/// Takes the signs off eight values; one that is cheap gets the other sign
/// where that makes the number of negative ones even.
inline void VectorCoder::takeEvenSigns(int64_t place, int32_t *sign) {
  I32 negative = 0, count = 0;
  for (unsigned i = 0; i < kSignsOfEven; ++i) {
    I32 isNegative = (magnitudes[place + i] < F32(0)) & 1;
    negative |= isNegative << int32_t(i);
    count ^= isNegative;
    magnitudes[place + i] = v.absF(magnitudes[place + i]);
  }
  I32 cheapest = 0;
  F32 least = flipCost(place);
  for (unsigned i = 1; i < kSignsOfEven; ++i) {
    F32 cost = flipCost(place + i);
    cheapest = cost < least ? I32(int32_t(i)) : cheapest;
    least = v.minF(cost, least);
  }
  for (unsigned i = 0; i < kSignsOfEven; ++i) {
    I32 isFlipped = (cheapest == int32_t(i)) & (count != 0);
    negative ^= isFlipped ? I32(int32_t(1u << i)) : I32(0);
    magnitudes[place + i] =
        isFlipped ? -magnitudes[place + i] : magnitudes[place + i];
  }
  LaneValues::store(negative & int32_t((1u << (kSignsOfEven - 1)) - 1), sign);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

inline void VectorCoder::readUnit(int64_t unit, F32 inverse, F32 zero) {
  for (int64_t i = 0; i < plan.period; ++i) {
    int64_t step = unit * plan.period + i;
    magnitudes[i] =
        LaneValues::load(group.values + step * kLanes) * inverse + zero;
    weights[i] = weightAt(step);
  }
}

/// Takes the signs off what readUnit has read, and keeps them.
inline void VectorCoder::takeSigns(int64_t unit) {
  int32_t *sign = result.triedSigns.data() + unit * plan.signsOfUnit() * kLanes;
  if (plan.signs == SignPolicy::Each)
    takeEachSign(sign);
  for (int64_t i = 0; plan.signs == SignPolicy::Even && i < plan.period;
       i += kSignsOfEven, sign += kLanes)
    takeEvenSigns(i, sign);
}

/// Codes what readUnit has read. Returns the weighted squares of the distances.
inline F32 VectorCoder::codeUnit(int64_t unit) {
  int32_t *code = result.triedCodes.data() + unit * plan.codesOfUnit() * kLanes;
  takeSigns(unit);
  F32 cost = 0;
  for (int64_t i = 0; i < plan.period; i += table.size, code += kLanes) {
    F32 best = nearest(i);
    cost += best;
    LaneValues::store(codesAt(best), code);
  }
  return cost;
}

/// Takes over what was tried for a unit.
inline void VectorCoder::keepUnit(int64_t unit, I32 isBetter) {
  auto merge = [&](const std::vector<int32_t> &from, int64_t count,
                   std::vector<int32_t> &to) {
    for (int64_t i = unit * count; i < (unit + 1) * count; ++i) {
      int32_t *place = to.data() + i * kLanes;
      LaneValues::store(isBetter ? LaneValues::load(from.data() + i * kLanes)
                                 : LaneValues::load(place),
                        place);
    }
  };
  merge(result.triedCodes, plan.codesOfUnit(), result.codes);
  merge(result.triedSigns, plan.signsOfUnit(), result.signs);
}

/// Codes the units of one block of the offset with each of its values, and
/// keeps what is nearest in each lane. Returns its cost.
inline F32 VectorCoder::codeOffsetBlock(int32_t block, F32 inverse) {
  F32 least = std::numeric_limits<float>::infinity();
  I32 chosen = 0;
  for (size_t i = 0; i < plan.offsets.size(); ++i) {
    F32 cost = 0;
    forUnits(block, [&](int64_t unit) {
      readUnit(unit, inverse, plan.offsets[i]);
      cost += codeUnit(unit);
    });
    I32 isBetter = i == 0 ? I32(-1) : I32(cost < least);
    forUnits(block, [&](int64_t unit) { keepUnit(unit, isBetter); });
    least = isBetter ? cost : least;
    chosen = isBetter ? I32(int32_t(i)) : chosen;
  }
  LaneValues::store(chosen, result.offsets.data() + block * kLanes);
  return least;
}

inline F32 VectorCoder::costOfOffsetBlock(int32_t block, F32 inverse) {
  F32 least = std::numeric_limits<float>::infinity();
  for (float offset : plan.offsets) {
    F32 cost = 0;
    forUnits(block, [&](int64_t unit) {
      readUnit(unit, inverse, offset);
      takeSigns(unit);
      for (int64_t i = 0; i < plan.period; i += table.size)
        cost += nearest(i);
    });
    least = v.minF(cost, least);
  }
  return least;
}

/// Adds what the nearest levels to a unit give, whatever vectors there are.
inline void VectorCoder::addLevels(int64_t unit, F32 inverse, F32 offset,
                                   LevelSums &sums) {
  readUnit(unit, inverse, 0);
  for (int64_t i = 0; i < plan.period; ++i) {
    F32 x =
        plan.signs == SignPolicy::None ? magnitudes[i] : v.absF(magnitudes[i]);
    F32 least = std::numeric_limits<float>::infinity(), e = 0;
    for (float level : table.levels) {
      F32 rest = (x + offset) - level;
      I32 isNearer = rest * rest < least;
      least = isNearer ? rest * rest : least;
      e = isNearer ? level - offset : e;
    }
    sums.cost += weights[i] * least;
    sums.xe += weights[i] * (x * e);
    sums.ee += weights[i] * (e * e);
  }
}

/// Adds a unit's part of the sums of values times elements, and of squares of
/// elements.
inline void VectorCoder::addProducts(int64_t unit, F32 inverse, F32 &xe,
                                     F32 &ee) {
  const int32_t *code =
      result.codes.data() + unit * plan.codesOfUnit() * kLanes;
  const int32_t *sign =
      result.signs.data() + unit * plan.signsOfUnit() * kLanes;
  const int32_t *offset =
      result.offsets.data() + plan.offsetOf[size_t(unit)] * int64_t(kLanes);
  F32 zero;
  for (int lane = 0; lane < kLanes; ++lane)
    zero[lane] = plan.offsets[size_t(offset[lane])];
  readUnit(unit, inverse, 0);
  for (int64_t i = 0; i < plan.period; ++i) {
    const int32_t *own = code + i / table.size * kLanes;
    F32 e = v.lookup(table.values, LaneValues::load(own) * int32_t(table.size) +
                                       int32_t(i % table.size));
    if (plan.signs != SignPolicy::None)
      e = negateIf(
          v,
          decodeSign(v, plan.signs,
                     LaneValues::load(sign + i / plan.columnsOfSign() * kLanes),
                     unsigned(i)),
          e);
    e -= zero;
    xe += weights[i] * (magnitudes[i] * e);
    ee += weights[i] * (e * e);
  }
}

inline void VectorCoder::run(const float *inverses) {
  F32 inverse = LaneValues::load(inverses), cost = 0, xe = 0, ee = 0;
  for (int32_t block = 0; block < plan.offsetBlocks; ++block)
    cost += codeOffsetBlock(block, inverse);
  for (int64_t unit = 0; unit < plan.units; ++unit)
    addProducts(unit, inverse, xe, ee);
  LaneValues::store(cost, result.cost);
  LaneValues::store(xe, result.xe);
  LaneValues::store(ee, result.ee);
}

inline void VectorCoder::measure(const float *inverses) {
  F32 inverse = LaneValues::load(inverses), cost = 0;
  for (int32_t block = 0; block < plan.offsetBlocks; ++block)
    cost += costOfOffsetBlock(block, inverse);
  LaneValues::store(cost, result.cost);
}

inline void VectorCoder::bound(const float *inverses) {
  F32 inverse = LaneValues::load(inverses);
  LevelSums total;
  for (int32_t block = 0; block < plan.offsetBlocks; ++block) {
    LevelSums best;
    best.cost = std::numeric_limits<float>::infinity();
    for (float offset : plan.offsets) {
      LevelSums here;
      forUnits(block, [&](int64_t unit) {
        addLevels(unit, inverse, F32(offset), here);
      });
      I32 isBetter = here.cost < best.cost;
      best.xe = isBetter ? here.xe : best.xe;
      best.ee = isBetter ? here.ee : best.ee;
      best.cost = isBetter ? here.cost : best.cost;
    }
    total.cost += best.cost;
    total.xe += best.xe;
    total.ee += best.ee;
  }
  LaneValues::store(total.cost, result.cost);
  LaneValues::store(total.xe, result.xe);
  LaneValues::store(total.ee, result.ee);
}

void codeVectors(const VectorPlan &plan, const LaneGroup &group,
                 const float *inverses, VectorCodes &result) {
  VectorCoder(plan, group, result).run(inverses);
}

void measureVectors(const VectorPlan &plan, const LaneGroup &group,
                    const float *inverses, VectorCodes &result) {
  VectorCoder(plan, group, result).measure(inverses);
}

void boundVectors(const VectorPlan &plan, const LaneGroup &group,
                  const float *inverses, VectorCodes &result) {
  VectorCoder(plan, group, result).bound(inverses);
}

} // namespace quern::numerics::QUERN_LANES

#endif // QUERN_LIB_NUMERICS_VECTORKERNELS_H
