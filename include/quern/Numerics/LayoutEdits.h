// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Small changes of layouts that readers and writers of containers share.

#ifndef QUERN_NUMERICS_LAYOUTEDITS_H
#define QUERN_NUMERICS_LAYOUTEDITS_H

#include "quern/Numerics/Layout.h"

namespace quern::numerics {

/// Puts row half * width / 2 + k of each `width` rows at place 2 * k + half, in
/// the first segment of `layout`, for a tensor of `shape`. Of a vector, which
/// is one row in a dense layout, the same with its columns.
void pairHalves(Layout &layout, const std::vector<int64_t> &shape,
                int64_t width);

/// Takes the scale of the whole tensor off a format of nested scales, and the
/// second segment, where it lies, off its layout.
void leaveOutTensorScale(Format &format, Layout &layout);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_LAYOUTEDITS_H
