// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The best of several encodings of a matrix, block by block.

#include "BestBlocks.h"
#include "ScaleSearch.h"
#include "TreeCodec.h"
#include <cmath>

using namespace quern;
using namespace quern::numerics;

void BestBlocks::consider(const CodedTensor &next) {
  std::vector<double> errors = errorsOf(next);
  if (best.planes.empty()) {
    best = next;
    bestErrors = errors;
    return;
  }
  std::vector<bool> isBetter;
  for (size_t i = 0; i < errors.size(); ++i) {
    // A scale that was lost to zero may have given NaN.
    isBetter.push_back(errors[i] < bestErrors[i] || std::isnan(bestErrors[i]));
    if (isBetter.back())
      bestErrors[i] = errors[i];
  }
  copyBlocks(format, "", outer, isBetter, next, best);
}

std::vector<double> BestBlocks::errorsOf(const CodedTensor &coded) const {
  std::vector<float> values = decodeTree(kernels, format, coded, "");
  std::vector<double> errors(size_t(outer.count()));
  for (int64_t r = 0; r < matrix.rows; ++r)
    for (int64_t c = 0; c < matrix.cols; ++c) {
      int64_t i = r * matrix.cols + c;
      double rest = double(matrix.values[i]) - double(values[size_t(i)]);
      double weight = weights.values
                          ? double(weights.values[r * weights.rowStride + c])
                          : 1;
      errors[outer.indexOf(r, c)] += weight * rest * rest;
    }
  return errors;
}
