// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One register tile: sums into and out of the result.

#include "MicroKernel.h"
#include "quern/Codegen/CPU/MathFunctions.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

void MicroKernel::prefetchResults() {
  for (int64_t m = 0; m < rows; ++m) {
    Value at = b.mul(yStride, m);
    b.prefetch(b.offset(y, at), 64 * panels);
    if (!spec.hasResidual)
      continue;
    Value from = spec.residualStride == 0 ? at : b.i64(spec.residualStride * m);
    b.prefetch(b.offset(residual, from), 64 * panels);
  }
}

MicroKernel::Values MicroKernel::loadSums() {
  Values sums;
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < panels; ++n) {
      Value at = b.add(b.mul(yStride, m), 64 * n);
      Value left = b.sub(columns, b.i64(n * kPanelRows));
      sums.push_back(b.loadVectorPart(b.offset(y, at), left));
    }
  return sums;
}

void MicroKernel::storeResults(const Values &sums, bool isLast) {
  for (int64_t n = 0; n < panels; ++n) {
    Value left = b.sub(columns, b.i64(n * kPanelRows));
    auto store = [&](bool whole) {
      for (int64_t m = 0; m < rows; ++m) {
        Value at = b.add(b.mul(yStride, m), 64 * n);
        auto read = [&](Value pointer) {
          return whole ? b.loadVector(pointer)
                       : b.loadVectorPart(pointer, left);
        };
        Value sum = sums[m * panels + n];
        if (isLast && spec.hasBias)
          sum = b.addF(sum, read(b.offset(bias, 64 * n)));
        if (isLast && spec.hasResidual) {
          Value from = spec.residualStride == 0
                           ? at
                           : b.i64(spec.residualStride * m + 64 * n);
          sum = b.addF(sum, read(b.offset(residual, from)));
        }
        if (isLast && spec.softcap > 0)
          sum = applySoftcap(b, sum, spec.softcap);
        if (whole)
          b.store(sum, b.offset(y, at), 4);
        else
          b.storeVectorPart(sum, b.offset(y, at), left);
      }
    };
    b.ifThenElse(
        b.lessEqual(b.i64(kPanelRows), left), [&] { store(true); },
        [&] { store(false); });
  }
}
