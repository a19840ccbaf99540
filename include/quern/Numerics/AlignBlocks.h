// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From blocks that cross rows to blocks that do not, with the same
// values.
//
// A flat format cuts a matrix [rows, cols], taken as one row, into blocks of n.
// Blocks of g = gcd(cols, n) columns of one row end wherever a row or a block
// of n ends, so every one of them lies in one block of n: a copy of its scale
// serves it. The same holds for each level of nested scales with the elements
// that one of its codes stands for. Codes and values stay as they are; what
// grows is the number of scales, by up to n / g.

#ifndef QUERN_NUMERICS_ALIGNBLOCKS_H
#define QUERN_NUMERICS_ALIGNBLOCKS_H

#include "quern/Numerics/Format.h"
#include "quern/Numerics/Layout.h"

namespace quern::numerics {

/// The format of blocks within rows that a tensor of `cols` columns in the flat
/// `format` can be read in; `format` itself if it is not flat.
Format alignedFormat(const Format &format, int64_t cols);

/// Columns of the smallest block that shares a scale or an offset of the
/// elements; 0: the whole axis.
int64_t leastBlockCols(const Format &format);

/// The codes in `aligned` of a tensor in the format `flat`, of the same
/// numbers: repeated scales if that is alignedFormat(flat, coded.cols), and if
/// it is f32, the decoded values. Fails unless there is an exact transcoding
/// (Numerics/Transcode.h).
Result<CodedTensor> alignCodes(const Format &flat, const Format &aligned,
                               const CodedTensor &coded);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_ALIGNBLOCKS_H
