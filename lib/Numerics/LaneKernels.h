// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The inner loops of encoding, one copy an instruction set.
//
// All copies compute the same bits. Two shapes of work:
//
//   rows    one row of a matrix, cut into blocks; lanes are columns
//   groups  sixteen blocks at once, a lane a block (or one large block, whose
//           elements are dealt to the lanes in turn)

#ifndef QUERN_LIB_NUMERICS_LANEKERNELS_H
#define QUERN_LIB_NUMERICS_LANEKERNELS_H

#include "quern/Base/Span.h"
#include "quern/Numerics/Format.h"

namespace quern::numerics {

constexpr int64_t kLanes = 16;

/// One row of blocks: `blocks` runs of `blockCols` elements.
struct RowShape {
  int64_t blocks = 0;
  int64_t blockCols = 0;
};

/// Decoded scales and offsets of the blocks of a row. Null without a scale;
/// `offsets` null without an offset.
struct RowScales {
  const float *scales = nullptr;
  const float *inverses = nullptr; ///< what codes are chosen with
  const float *offsets = nullptr;
};

/// Elements of sixteen blocks: step i of lane l is element i of block l. In a
/// `wide` group all lanes belong to one block, padded with weights of zero.
struct LaneGroup {
  const float *values = nullptr;  ///< [steps][kLanes]
  const float *weights = nullptr; ///< [steps][kLanes]; null: all one
  int64_t steps = 0;
  bool isWide = false;
};

/// A scale and offset a block, the error that they give, and what of it a
/// better line through the same codes would take away. With e the decoded
/// element, r = x - value, all sums weighted.
struct LaneFit {
  float scale[kLanes] = {};
  float offset[kLanes] = {};
  float error[kLanes] = {}; ///< sum of r * r
  float re[kLanes] = {}, ee[kLanes] = {};
  float r[kLanes] = {}, e[kLanes] = {}; ///< zero without an offset
  float weight[kLanes] = {};
};

/// What the formats of scales and offsets can express, for the search that
/// takes them as real numbers.
struct FitLimits {
  float lowest = 0;  ///< lowestValue of the element
  float largest = 0; ///< largestValue of the element
  bool negativeScale = false;
  bool negativeOffset = false;
};

/// How the scales (or offsets) of a group are stored: `format` over values of
/// the next level up that are kept, and the codes to be changed.
struct StoredSide {
  const Format *format = nullptr; ///< null: there is none
  bool mayStep = false;           ///< codes beside these are worth trying
  bool isDivisor = false;         ///< one over what is stored counts
  float scale[kLanes] = {};       ///< next level up; ignored if unscaled
  float offset[kLanes] = {};
  int32_t code[kLanes] = {};
};

struct VectorPlan;
struct VectorCodes;

struct LaneKernels {
  const char *isa;

  /// decodeElement of each code, with the scales of its block.
  void (*decodeRow)(const Format &format, RowShape shape, RowScales scales,
                    const int32_t *codes, float *values);
  /// applyScale to decoded elements, in place.
  void (*applyRow)(const Format &format, RowShape shape, RowScales scales,
                   float *values);
  /// encodeCode of each value; encodeScale by `rule` if that is not null.
  void (*encodeRow)(const Format &format, const ScaleRule *rule, RowShape shape,
                    RowScales scales, const float *values, int32_t *codes);
  /// Widens [lows[i], highs[i]] to hold the values of block i.
  void (*widenRanges)(RowShape shape, const float *values, float *lows,
                      float *highs);

  /// The bits, without sign, of the largest value; larger for NaN.
  int32_t (*largestMagnitude)(const float *values, int64_t count);

  /// The best scales and offsets as real numbers.
  void (*searchFit)(const Format &format, const LaneGroup &group,
                    FitLimits limits, LaneFit &fit);
  /// Moves the offsets to their best for the scales of `fit`.
  void (*refitOffset)(const Format &format, const LaneGroup &group,
                      FitLimits limits, LaneFit &fit);
  /// The error and sums of the scales and offsets of `fit`.
  void (*evaluateFit)(const Format &format, const LaneGroup &group,
                      LaneFit &fit);
  /// Tries the codes beside those of `scale` and `offset` while that helps, at
  /// most `rounds` times.
  void (*stepCodes)(const Format &format, const LaneGroup &group, int rounds,
                    StoredSide &scale, StoredSide &offset, LaneFit &fit);

  /// The nearest vectors and signs, and the offsets that bring them nearest, of
  /// a group that is not wide; `inverses` [kLanes] takes values to units of the
  /// scale. Ties go to the lower code.
  void (*codeVectors)(const VectorPlan &plan, const LaneGroup &group,
                      const float *inverses, VectorCodes &result);
  /// The costs of what codeVectors would find, and nothing else: several times
  /// as fast.
  void (*measureVectors)(const VectorPlan &plan, const LaneGroup &group,
                         const float *inverses, VectorCodes &result);
  /// Costs that no vectors and signs can be below, and the sums that go with
  /// them: those of the nearest values that any vector has.
  void (*boundVectors)(const VectorPlan &plan, const LaneGroup &group,
                       const float *inverses, VectorCodes &result);
};

/// All that this CPU can run, best first.
Span<const LaneKernels *const> laneKernels();

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_LANEKERNELS_H
