// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Sums of few columns have fewer bits in memory than in registers.

#include "RowSums.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

Value codegen::loadRowSum(KernelBuilder &b, Value address, int64_t columns) {
  unsigned bytes = unsigned(ActivationRow::sumBytes(columns));
  Value sum = b.load(b.getIntegerType(8 * bytes), address, bytes);
  return bytes == 4 ? sum : arith::ExtSIOp::create(b, b.getI32Type(), sum);
}

void codegen::storeRowSum(KernelBuilder &b, Value sum, Value address,
                          int64_t columns) {
  unsigned bytes = unsigned(ActivationRow::sumBytes(columns));
  if (bytes < 4)
    sum = arith::TruncIOp::create(b, b.getIntegerType(8 * bytes), sum);
  b.store(sum, address, bytes);
}
