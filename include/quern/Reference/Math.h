// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What each operation computes, on plain tensors: the definition that
// every kernel is tested against.
//
// Activations are matrices [tokens, width]. Sums, exponentials and angles are
// evaluated in binary64 in the order of their index; each result is rounded to
// binary32 once. Functions fail where extents that a type may leave open, or
// the contents of a tensor, do not fit; the message says expected and actual.

#ifndef QUERN_REFERENCE_MATH_H
#define QUERN_REFERENCE_MATH_H

#include "quern/Reference/Tensor.h"

namespace quern::reference {

/// Row t of the result is row tokens[t] of `table`.
Result<Tensor> embedding(const Tensor &tokens, const Tensor &table);

/// y[m, n] = sum over k of x[m, k] * w[n, k], plus bias[n] if `bias` is not
/// null. With `rounding`, x and w are rounded to that type before they are
/// multiplied.
Result<Tensor> linear(const Tensor &x, const Tensor &w, const Tensor *bias,
                      const numerics::FloatType *rounding);

/// x / sqrt(mean(x^2) + eps) * (offset + weight), where the mean is taken over
/// each run of `group` columns and `weight` has `group` elements.
Result<Tensor> rmsNorm(const Tensor &x, const Tensor &weight, double eps,
                       int64_t group, double offset);

/// (x - mean) / sqrt(variance + eps) * weight, plus bias if that is not null,
/// of each row.
Result<Tensor> layerNorm(const Tensor &x, const Tensor &weight,
                         const Tensor *bias, double eps);

/// x[t] + table[first + t].
Result<Tensor> addPositions(const Tensor &x, const Tensor &table,
                            int64_t first);

/// Row t holds cos(angle_i) for every inverse frequency, then sin(angle_i),
/// where angle_i = (first + t) * inverseFrequencies[i] as a product in
/// binary32; each times `magnitude`.
Tensor ropeTable(int64_t first, int64_t rows,
                 Span<const float> inverseFrequencies, double magnitude);

/// Rotates the pairs (i, i + h) of each head of row t by the angle whose cosine
/// and sine are in row `first` + t of `table`, which has 2 h columns, as many
/// as a head or fewer: what is behind them in the head stays.
Result<Tensor> rope(const Tensor &x, int64_t headDim, const Tensor &table,
                    int64_t first);

/// y[i] = sum over j of (-1)^popcount(i & j) * x[j] / sqrt(group) in each run
/// of `group` columns, a power of two: the normalised Walsh-Hadamard transform.
Result<Tensor> hadamard(const Tensor &x, int64_t group);

/// y[m, i] = x[m, columns[i]], or 0 where that is no column of x. `columns` is
/// one row of integers, held as real numbers.
Result<Tensor> gatherColumns(const Tensor &x, const Tensor &columns);

/// y[m, i] = x[m, i] * scales[i], in binary32.
Result<Tensor> scaleColumns(const Tensor &x, const Tensor &scales);

Result<Tensor> add(const Tensor &a, const Tensor &b);

/// x * factor, in binary32.
Result<Tensor> scale(const Tensor &x, float factor);

/// cap * tanh(x / cap).
double softcap(double x, double cap);
Result<Tensor> softcap(const Tensor &x, double cap);

using Activation = double (*)(double);

/// The function that `#nn<activation>` calls `name`.
Activation lookupActivation(const std::string &name);

/// activation(x).
Result<Tensor> activate(Activation activation, const Tensor &x);

/// activation(gate) * up.
Result<Tensor> gatedActivation(Activation activation, const Tensor &gate,
                               const Tensor &up);

/// Row t holds the numbers of the `top` experts of the largest logits of token
/// t, ascending, then their shares: the softmax of the logits, if normalised
/// over the chosen ones only.
Result<Tensor> route(const Tensor &logits, int64_t top, bool isNormalized);

/// The rows of x of the tokens that chose the first of `experts` experts, then
/// those of the second, and so on.
Result<Tensor> dispatch(const Tensor &x, const Tensor &routing,
                        int64_t experts);

/// For each token the sum of its rows in x, dispatched by `routing`, times
/// their shares.
Result<Tensor> combine(const Tensor &x, const Tensor &routing, int64_t experts);

/// `linear` of each row of x, dispatched by `routing`, with its expert's
/// `columns` rows of w and elements of the bias.
Result<Tensor> routedLinear(const Tensor &x, const Tensor &w,
                            const Tensor *bias, const Tensor &routing,
                            int64_t columns,
                            const numerics::FloatType *rounding);

/// The trailing `count` rows.
Result<Tensor> lastRows(const Tensor &x, int64_t count);

} // namespace quern::reference

#endif // QUERN_REFERENCE_MATH_H
