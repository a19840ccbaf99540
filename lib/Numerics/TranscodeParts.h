// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the proof of a transcoding asks of formats, and how its result is
// put into words. Internal to Numerics.

#ifndef QUERN_LIB_NUMERICS_TRANSCODEPARTS_H
#define QUERN_LIB_NUMERICS_TRANSCODEPARTS_H

#include "ExactCodes.h"
#include "quern/Numerics/Transcode.h"
#include <string>
#include <vector>

namespace quern::numerics {

/// Whether elements that share a code of `to` share one of `from`, in every
/// tensor that the blocks of both divide.
bool coversGranule(const Plane &from, const Plane &to);

/// Whether codes of `format` can stand for 0, all codes below its own being 0.
bool canBeZero(const Format &format);

/// The largest magnitude up to which encodeErrorBound holds.
double largestEncodable(const Format &format);

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

/// What an exact transcoding does.
std::vector<std::string> exactDetails(const Transcoding &transcoding,
                                      const Format &from, const Format &to);

/// What is in the way of one.
std::string sharingLoss(const Plane &from, const Plane &to);
std::string valueLoss(float value, Ratio factor, bool isMagnitude,
                      const std::string &plane, const Element &element);
std::string elementLoss(float misfit, const Format &from, const Format &to);
std::string elementKindLoss(const Format &from, const Format &to);
std::string zeroLoss(float zero, const Format &from, const Format &to);
std::string addendLoss(const Format &from);
std::string columnsLoss(const Format &from, const Format &to);
std::string boundLoss(const Format &to, const ErrorBound &bound);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_TRANSCODEPARTS_H
