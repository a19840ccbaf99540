// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Between numbers, codes and bytes.

#ifndef QUERN_REFERENCE_QUANTIZE_H
#define QUERN_REFERENCE_QUANTIZE_H

#include "quern/Reference/Tensor.h"

namespace quern::reference {

/// Codes a matrix of real numbers. `solver` is "rtn" or "mse", see
/// numerics::Solver; `columnWeights` are for the latter. Fails if the blocks of
/// `format` do not divide the matrix, or if it holds numbers that cannot be
/// coded.
Result<Tensor> quantize(const Tensor &x, const numerics::Format &format,
                        const std::string &solver = "rtn",
                        Span<const float> columnWeights = {});

/// The bytes of a coded matrix in `layout`, as integers from -128 to 127.
Result<Tensor> pack(const Tensor &x, const numerics::Layout &layout);

/// The coded matrix [rows, cols] whose bytes these are.
Result<Tensor> unpack(const Tensor &bytes, const numerics::Layout &layout,
                      const numerics::Format &format, int64_t rows,
                      int64_t cols);

} // namespace quern::reference

#endif // QUERN_REFERENCE_QUANTIZE_H
