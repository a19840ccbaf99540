// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding and decoding of matrices in any format.
//
// Deterministic: the codes depend on the values, the format and the solver
// alone, not on the number of threads or on the CPU.

#ifndef QUERN_NUMERICS_ENCODETENSOR_H
#define QUERN_NUMERICS_ENCODETENSOR_H

#include "quern/Numerics/Format.h"
#include "quern/Numerics/Layout.h"

namespace quern::numerics {

/// How scales, offsets and codes are chosen.
enum class Solver {
  Plain, ///< the format's scale rule ("rtn")
  /// Searches the scales and offsets of all levels for the smallest sum of
  /// weight * (x - decoded)^2. In no outermost block worse than Plain. The
  /// method and its sources are in docs/Rationale/Encoders.md.
  Mse,
};

struct EncodeOptions {
  Solver solver = Solver::Plain;
  /// Solver::Mse only: one weight, >= 0, a column; empty stands for all one.
  Span<const float> columnWeights;
  unsigned threads = 1;
  int64_t firstRow = 0; ///< added to row numbers in messages
  /// One of encoderIsas(), for tests and measurements; empty: the best. All
  /// give the same codes.
  std::string isa;
};

/// The instruction sets that the encoder was built for and this CPU has, best
/// first.
std::vector<std::string> encoderIsas();

/// Codes `values`, row-major [rows, cols]. The rows may be part of a larger
/// tensor if they are a multiple of its codingGrain and the format has no
/// column transforms, whose data are chosen from all rows. A matrix whose
/// blocks share rows is split over `threads` by rows.
///
/// Errors, naming row and column: NaN anywhere; infinity in a scaled format.
/// Infinity in an unscaled one stays if its type has it and saturates else.
Result<CodedTensor> encodeRows(const Format &format, Span<const float> values,
                               int64_t rows, int64_t cols,
                               const EncodeOptions &options = {});

/// The values of `coded`, row-major [coded.rows, coded.cols]. Every plane of
/// the format must be there in full.
std::vector<float> decodeRows(const Format &format, const CodedTensor &coded);

/// Fails at the first NaN or infinity in a plane of floats, or zero in one of
/// divisors, whose place among rows and columns the message gives; `firstRow`
/// is added to row numbers. Codes from outside may hold any, an encoder writes
/// none.
Status checkFinite(const Format &format, const CodedTensor &coded,
                   int64_t firstRow);

} // namespace quern::numerics

#endif // QUERN_NUMERICS_ENCODETENSOR_H
