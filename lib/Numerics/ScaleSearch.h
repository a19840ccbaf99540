// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding with the scales, offsets and codes of all levels chosen for
// the least weighted squared error.

#ifndef QUERN_LIB_NUMERICS_SCALESEARCH_H
#define QUERN_LIB_NUMERICS_SCALESEARCH_H

#include "Blocks.h"
#include "LaneKernels.h"

namespace quern::numerics {

/// Codes a matrix and, below it, the matrices of its scales and offsets, into
/// `out`. The method is in docs/Rationale/Encoders.md.
void searchTree(const LaneKernels &kernels, const Format &format,
                const std::string &path, const MatrixView &matrix,
                const WeightView &weights, CodedTensor &out);

/// Copies the codes of outermost block (down, across) in every plane of
/// `format`, which lies at `path`.
void copyBlock(const Format &format, const std::string &path,
               const Blocks &blocks, int64_t down, int64_t across,
               const CodedTensor &from, CodedTensor &to);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_SCALESEARCH_H
