// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The nearest vectors and signs of sixteen blocks at once.

#ifndef QUERN_LIB_NUMERICS_VECTORKERNELS_H
#define QUERN_LIB_NUMERICS_VECTORKERNELS_H

#include "RowKernels.h"
#include "VectorTable.h"

namespace quern::numerics::QUERN_LANES {

using LaneMask = bool __attribute__((ext_vector_type(16)));

/// Codes the vectors of sixteen blocks.
class VectorCoder {
public:
  VectorCoder(const VectorPlan &plan, const LaneGroup &group,
              VectorCodes &result);

  void run(const float *inverses);

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
  F32 codeUnit(int64_t unit);
  void takeEachSign(int32_t *sign);
  void takeEvenSigns(int64_t place, int32_t *sign);
  F32 flipCost(int64_t place) const;
  F32 nearest(int64_t place, I32 &code);
  void sumHalf(const VectorHalf &half, F32 *costs) const;
  I32 codesAt(F32 best) const;
  void keepUnit(int64_t unit, I32 isBetter);
  void codeOffsetBlock(int32_t block, F32 inverse);
  void addProducts(int64_t unit, F32 inverse, F32 &xe, F32 &ee);

  const VectorPlan &plan;
  const VectorTable &table;
  const LaneGroup &group;
  VectorCodes &result;
  LaneValues v;
  const int64_t levels;
  F32 *next;
  F32 *magnitudes, *weights; ///< of the current unit
  F32 *levelCosts;           ///< [table.size, levels]
  F32 *leftCosts, *rightCosts, *groupCosts;
};

inline VectorCoder::VectorCoder(const VectorPlan &plan, const LaneGroup &group,
                                VectorCodes &result)
    : plan(plan), table(plan.table), group(group), result(result),
      levels(int64_t(table.levels.size())),
      next(reinterpret_cast<F32 *>(
          (reinterpret_cast<uintptr_t>(result.scratch.data()) + sizeof(F32) -
           1) /
          sizeof(F32) * sizeof(F32))),
      magnitudes(allocate(plan.period)), weights(allocate(plan.period)),
      levelCosts(allocate(table.size * levels)),
      leftCosts(allocate(table.left.count)),
      rightCosts(allocate(table.right.count)),
      groupCosts(allocate(table.left.count)) {}

//===----------------------------------------------------------------------===//
// One vector
//===----------------------------------------------------------------------===//

inline void VectorCoder::sumHalf(const VectorHalf &half, F32 *costs) const {
  const int32_t *digit = half.digits.data();
  for (int64_t i = 0; i < half.count; ++i) {
    F32 sum = 0;
    for (int64_t place = half.first; place < half.first + half.size; ++place)
      sum += levelCosts[place * levels + *digit++];
    costs[i] = sum;
  }
}

/// The lowest codes whose cost is `best`.
inline I32 VectorCoder::codesAt(F32 best) const {
  I32 found = INT32_MAX;
  for (int64_t g = 0; g < table.left.count; ++g) {
    I32 isHere = groupCosts[g] == best;
    unsigned lanes =
        __builtin_bit_cast(uint16_t, __builtin_convertvector(isHere, LaneMask));
    for (; lanes != 0; lanes &= lanes - 1) {
      int lane = __builtin_ctz(lanes);
      // Members come by code, so the first one will do.
      int32_t member = table.groupBegin[size_t(g)];
      while (leftCosts[g][lane] +
                 rightCosts[table.rightOf[size_t(member)]][lane] !=
             best[lane])
        ++member;
      int32_t code = table.codeOf[size_t(member)];
      found[lane] = code < found[lane] ? code : found[lane];
    }
  }
  return found == INT32_MAX ? I32(0) : found;
}

/// The nearest vectors to the magnitudes from `place` on, and how far they are.
inline F32 VectorCoder::nearest(int64_t place, I32 &code) {
  for (int64_t i = 0; i < table.size; ++i)
    for (int64_t level = 0; level < levels; ++level) {
      F32 rest = magnitudes[place + i] - table.levels[size_t(level)];
      levelCosts[i * levels + level] = weights[place + i] * (rest * rest);
    }
  sumHalf(table.left, leftCosts);
  sumHalf(table.right, rightCosts);
  const int32_t *member = table.rightOf.data();
  F32 best = std::numeric_limits<float>::infinity();
  for (int64_t g = 0; g < table.left.count; ++g) {
    const int32_t *end = table.rightOf.data() + table.groupBegin[size_t(g + 1)];
    F32 least = rightCosts[*member++];
    for (; member != end; ++member)
      least = v.minF(rightCosts[*member], least);
    groupCosts[g] = leftCosts[g] + least;
    best = v.minF(groupCosts[g], best);
  }
  code = codesAt(best);
  return best;
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

/// Codes what readUnit has read. Returns the weighted squares of the distances.
inline F32 VectorCoder::codeUnit(int64_t unit) {
  int32_t *sign = result.triedSigns.data() + unit * plan.signsOfUnit() * kLanes;
  int32_t *code = result.triedCodes.data() + unit * plan.codesOfUnit() * kLanes;
  if (plan.signs == SignPolicy::Each)
    takeEachSign(sign);
  for (int64_t i = 0; plan.signs == SignPolicy::Even && i < plan.period;
       i += kSignsOfEven, sign += kLanes)
    takeEvenSigns(i, sign);
  F32 cost = 0;
  for (int64_t i = 0; i < plan.period; i += table.size, code += kLanes) {
    I32 nearestCode;
    cost += nearest(i, nearestCode);
    LaneValues::store(nearestCode, code);
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
/// keeps what is nearest in each lane.
inline void VectorCoder::codeOffsetBlock(int32_t block, F32 inverse) {
  auto forUnits = [&](auto body) {
    for (int64_t unit = 0; unit < plan.units; ++unit)
      if (plan.offsetOf[size_t(unit)] == block)
        body(unit);
  };
  F32 least = std::numeric_limits<float>::infinity();
  I32 chosen = 0;
  for (size_t i = 0; i < plan.offsets.size(); ++i) {
    F32 cost = 0;
    forUnits([&](int64_t unit) {
      readUnit(unit, inverse, plan.offsets[i]);
      cost += codeUnit(unit);
    });
    I32 isBetter = i == 0 ? I32(-1) : I32(cost < least);
    forUnits([&](int64_t unit) { keepUnit(unit, isBetter); });
    least = isBetter ? cost : least;
    chosen = isBetter ? I32(int32_t(i)) : chosen;
  }
  LaneValues::store(chosen, result.offsets.data() + block * kLanes);
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
    F32 e;
    for (int lane = 0; lane < kLanes; ++lane)
      e[lane] = table.values[size_t(own[lane] * table.size + i % table.size)];
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
  F32 inverse = LaneValues::load(inverses), xe = 0, ee = 0;
  for (int32_t block = 0; block < plan.offsetBlocks; ++block)
    codeOffsetBlock(block, inverse);
  for (int64_t unit = 0; unit < plan.units; ++unit)
    addProducts(unit, inverse, xe, ee);
  LaneValues::store(xe, result.xe);
  LaneValues::store(ee, result.ee);
}

void codeVectors(const VectorPlan &plan, const LaneGroup &group,
                 const float *inverses, VectorCodes &result) {
  VectorCoder(plan, group, result).run(inverses);
}

} // namespace quern::numerics::QUERN_LANES

#endif // QUERN_LIB_NUMERICS_VECTORKERNELS_H
