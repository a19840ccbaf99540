// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding with the scales, offsets and codes of all levels chosen for
// the least weighted squared error.

#ifndef QUERN_LIB_NUMERICS_SCALESEARCH_H
#define QUERN_LIB_NUMERICS_SCALESEARCH_H

#include "Blocks.h"
#include "LaneKernels.h"

namespace quern::numerics {

/// Codes a matrix into `codes` and the matrices of its
/// scales and offsets into `out`. In no outermost block worse than encodeTree.
/// The method is in docs/Rationale/Encoders.md.
void searchTree(const LaneKernels &kernels, const Format &format,
                const MatrixView &matrix, const WeightView &weights,
                CodedTensor &out, int32_t *codes);

/// Codes a matrix of scales, or of offsets, which lies at `path`, into `out`.
void searchBelow(const LaneKernels &kernels, const Format &format,
                 const std::string &path, const MatrixView &matrix,
                 const WeightView &weights, CodedTensor &out);

/// Whether the values of a format lie so close that the nearest one is best.
bool isFine(const Format &format);

/// Makes divisors of factors, and of how much an error of each factor matters
/// how much one of its divisor does.
void invertFactors(std::vector<float> &factors, std::vector<float> &weights);

/// Copies the codes of the chosen outermost blocks in every plane of `format`,
/// which lies at `path`.
void copyBlocks(const Format &format, const std::string &path,
                const Blocks &blocks, const std::vector<bool> &isChosen,
                const CodedTensor &from, CodedTensor &to);

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_SCALESEARCH_H
