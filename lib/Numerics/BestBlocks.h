// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The best of several encodings of a matrix, block by block.

#ifndef QUERN_LIB_NUMERICS_BESTBLOCKS_H
#define QUERN_LIB_NUMERICS_BESTBLOCKS_H

#include "Blocks.h"
#include "LaneKernels.h"

namespace quern::numerics {

/// Collects, of every outermost block, the codes of the least error.
class BestBlocks {
public:
  BestBlocks(const LaneKernels &kernels, const Format &format,
             const MatrixView &matrix, const WeightView &weights)
      : kernels(kernels), format(format), matrix(matrix), weights(weights),
        outer(outermostBlock(format), matrix.rows, matrix.cols) {}

  void consider(const CodedTensor &next);

  CodedTensor best;

private:
  std::vector<double> errorsOf(const CodedTensor &coded) const;

  const LaneKernels &kernels;
  const Format &format;
  const MatrixView matrix;
  const WeightView weights;
  const Blocks outer;
  std::vector<double> bestErrors;
};

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_BESTBLOCKS_H
