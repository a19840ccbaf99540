// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Random matrix products: operands as kernels read them, and as numbers.

#ifndef QUERN_TEST_UNIT_CODEGEN_LINEARPROBLEM_H
#define QUERN_TEST_UNIT_CODEGEN_LINEARPROBLEM_H

#include "KernelHarness.h"
#include "RowBuffer.h"
#include "quern/Codegen/CPU/CostModel.h"
#include "quern/Codegen/CPU/LinearKernel.h"

namespace quern::codegen::test {

constexpr auto kF32 = ActivationRow::Kind::F32;
constexpr auto kBf16 = ActivationRow::Kind::BF16;
constexpr auto kInt8 = ActivationRow::Kind::Int8;

/// `count` values of a normal distribution of deviation 0.5.
std::vector<float> randomValues(size_t count, unsigned seed);

/// One product of [M, K] activations and an [N, K] weight.
struct LinearProblem {
  LinearSpec spec; ///< but for the register tile, which a target decides
  int64_t M = 0, N = 0;
  std::vector<uint8_t> weights; ///< in spec.layout
  /// [N, K], beside int8 activations with elements rounded as
  /// numerics::IntegerElement says.
  std::vector<float> decoded;
  RowBuffer input{{}, 0};
  std::vector<float> inputValues; ///< [M, K], what `input` stands for
  std::vector<float> bias, residual;

  /// Format text or name; rows of x as `input` says. BF16 activations round
  /// decoded weights to bfloat16 as well.
  static LinearProblem create(const std::string &format,
                              const ActivationRow &input, int64_t M, int64_t N,
                              unsigned seed);
  int64_t depth() const { return spec.input.width; }
  /// `spec` with the register tile of `target`.
  LinearSpec tiledSpec(const CpuTarget &target) const;
  /// Emits the kernel "linear" for these operands.
  KernelSource source(const CpuTarget &target) const;
  /// What `costs` predict for a call of that kernel by one worker.
  KernelCost predict(const CpuTarget &target,
                     const OperationCosts &costs) const;
  /// The kernel's type; segments that a layout lacks are ignored.
  using Function = void(const uint8_t *x, float *y, int64_t yStride,
                        const float *bias, const float *residual, int64_t M,
                        int64_t N, int64_t worker, int64_t workers,
                        const uint8_t *segment0, const uint8_t *segment1,
                        const uint8_t *segment2, const uint8_t *segment3);
  /// Calls `kernel` once a worker on a copy `weight` of the weights; `y` and
  /// `residualRows` have rows of `yStride` bytes.
  void call(Function *kernel, const uint8_t *weight, float *y,
            const float *residualRows, int64_t yStride, int64_t workers) const;
  /// The result of `library`'s kernel "linear", [M, N]. Fails the test if the
  /// kernel writes past the end of a row.
  std::vector<float> run(const KernelLibrary &library, int64_t workers) const;
  /// Expects `result`, [M, N], to be the product in double precision but for
  /// roundings of at most `roundoff` * 2^-24 each, relatively.
  void expectClose(const std::vector<float> &result, double roundoff = 1) const;
};

} // namespace quern::codegen::test

#endif // QUERN_TEST_UNIT_CODEGEN_LINEARPROBLEM_H
