// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Random matrix products: operands as kernels read them, and as numbers.

#include "LinearProblem.h"

#include "Numerics/EncodeTestUtil.h"
#include "quern/Numerics/AlignBlocks.h"
#include <cmath>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;
using namespace quern::numerics;

std::vector<float> test::randomValues(size_t count, unsigned seed) {
  return normalValues(count, seed, 0.5f);
}

/// `format` with the numbers that integer products have in place of its
/// elements, which may be rounded.
static Format asIntegers(const Format &format) {
  std::optional<IntegerElement> integer = integerElement(format.element);
  if (!integer || integer->isExact)
    return format;
  Format result = format;
  result.element = Element();
  result.element.kind = ElementKind::Codebook;
  result.element.bits = format.element.bits;
  for (int value : integer->values)
    result.element.codebook.values.push_back(
        std::ldexp(float(value), -integer->shift));
  return result;
}

/// Kernels of a flat format read blocks that end with the rows; the numbers are
/// those of the format itself.
static void encodeWeights(LinearProblem &p, unsigned seed) {
  int64_t K = p.depth();
  auto coded = encodeRows(p.spec.weight, randomValues(p.N * K, seed), p.N, K);
  ASSERT_TRUE(coded.isOk()) << coded.status().message();
  bool isInteger = p.spec.input.kind == kInt8;
  p.decoded =
      decodeRows(isInteger ? asIntegers(p.spec.weight) : p.spec.weight, *coded);
  if (p.spec.weight.isFlat) {
    Format aligned = alignedFormat(p.spec.weight, K);
    coded = alignCodes(p.spec.weight, aligned, *coded);
    ASSERT_TRUE(coded.isOk()) << coded.status().message();
    p.spec.weight = aligned;
  }
  p.spec.layout = makeCpuPanelLayout(p.spec.weight, p.N, K);
  p.weights.assign(layoutBytes(p.spec.layout, p.N, K), 0);
  Status status = packRows(p.spec.layout, p.spec.weight, p.N, K, 0, *coded,
                           Span<uint8_t>(p.weights));
  ASSERT_TRUE(status.isOk()) << status.message();
}

static void encodeFloatRow(const ActivationRow &row, const float *values,
                           uint8_t *bytes, float *stored) {
  for (int64_t k = 0; k < row.width; ++k) {
    uint32_t bits;
    std::memcpy(&bits, &values[k], 4);
    if (row.kind == kBf16) {
      uint16_t half = uint16_t(bits >> 16);
      std::memcpy(bytes + 2 * k, &half, 2);
      bits &= 0xffff0000u;
    } else {
      std::memcpy(bytes + 4 * k, &bits, 4);
    }
    std::memcpy(&stored[k], &bits, 4);
  }
}

static void encodeInt8Row(const ActivationRow &row, const float *values,
                          uint8_t *bytes, float *stored) {
  for (int64_t group = 0; group < row.width / row.group; ++group) {
    const float *x = values + group * row.group;
    float largest = 0;
    for (int64_t k = 0; k < row.group; ++k)
      largest = std::max(largest, std::fabs(x[k]));
    float scale = largest / 127;
    for (int64_t k = 0; k < row.group; ++k) {
      int code = scale == 0 ? 0 : int(std::nearbyint(x[k] / scale));
      bytes[group * row.group + k] = uint8_t(int8_t(code));
      addToSums(row, bytes, group * row.group + k, code);
      stored[group * row.group + k] = float(code) * scale;
    }
    std::memcpy(bytes + row.scalesOffset() + 4 * group, &scale, 4);
  }
}

LinearProblem LinearProblem::create(const std::string &format,
                                    const ActivationRow &input, int64_t M,
                                    int64_t N, unsigned seed) {
  LinearProblem p;
  auto parsed = FormatRegistry::builtin().resolve(format);
  EXPECT_TRUE(parsed.isOk()) << parsed.status().message();
  p.spec.weight = *parsed;
  p.spec.input = input;
  p.spec.roundToBf16 = input.kind == kBf16;
  p.M = M;
  p.N = N;
  encodeWeights(p, seed);
  int64_t K = input.width;
  std::vector<float> values = randomValues(M * K, seed + 1);
  p.input = RowBuffer(input, M);
  p.inputValues.resize(M * K);
  auto encode = input.kind == kInt8 ? encodeInt8Row : encodeFloatRow;
  for (int64_t m = 0; m < M; ++m)
    encode(input, &values[m * K], p.input.rowBytes(m), &p.inputValues[m * K]);
  p.bias = randomValues(N, seed + 2);
  p.residual = randomValues(M * N, seed + 3);
  return p;
}

LinearSpec LinearProblem::tiledSpec(const CpuTarget &target) const {
  LinearSpec tiled = spec;
  tiled.tileRows = tileRows(target, spec);
  tiled.tilePanels = target.tilePanels;
  return tiled;
}

KernelSource LinearProblem::source(const CpuTarget &target) const {
  return {"linear", [tiled = tiledSpec(target)](KernelBuilder &builder) {
            return emitLinearKernel(builder, "linear", tiled);
          }};
}

KernelCost LinearProblem::predict(const CpuTarget &target,
                                  const OperationCosts &costs) const {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  mlir::Location loc = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  KernelBuilder b(loc, *module, target);
  KernelSource kernel = source(target);
  Status status = kernel.emit(b);
  EXPECT_TRUE(status.isOk()) << status.message();
  if (!status)
    return {};
  // Bytes between rows of y, M, N, worker, workers.
  return predictCost(module->lookupSymbol<mlir::func::FuncOp>(kernel.name),
                     {4 * N, M, N, 0, 1}, costs);
}

void LinearProblem::call(Function *kernel, const uint8_t *weight, float *y,
                         const float *residualRows, int64_t yStride,
                         int64_t workers) const {
  const uint8_t *at[4] = {};
  for (size_t i = 0; i < spec.layout.segments.size(); ++i)
    at[i] = weight + segmentOffset(spec.layout, i, N, depth());
  for (int64_t w = 0; w < workers; ++w)
    kernel(input.rowBytes(0), y, yStride, bias.data(), residualRows, M, N, w,
           workers, at[0], at[1], at[2], at[3]);
}

std::vector<float> LinearProblem::run(const KernelLibrary &library,
                                      int64_t workers) const {
  constexpr float kGuard = 777;
  int64_t pitch = N + 1;
  std::vector<float> y(M * pitch, kGuard), residualRows(M * pitch);
  for (int64_t m = 0; m < M; ++m)
    std::copy_n(&residual[m * N], N, &residualRows[m * pitch]);
  call(library.lookup<Function>("linear"), weights.data(), y.data(),
       residualRows.data(), 4 * pitch, workers);
  std::vector<float> result;
  for (int64_t m = 0; m < M; ++m) {
    EXPECT_EQ(y[m * pitch + N], kGuard) << "row " << m;
    result.insert(result.end(), &y[m * pitch], &y[m * pitch + N]);
  }
  return result;
}

static float roundedToBf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits += 0x7fff + (bits >> 16 & 1);
  bits &= 0xffff0000u;
  std::memcpy(&x, &bits, 4);
  return x;
}

// The error of a binary32 sum of K products in any order is at most
// (K + 8) * u * sum |x w|, to first order, with roundings of relative size u
// (Higham, section 3.1); the 8 covers scaling, bias and residual.
void LinearProblem::expectClose(const std::vector<float> &result,
                                double roundoff) const {
  int64_t K = depth();
  for (int64_t m = 0; m < M; ++m)
    for (int64_t n = 0; n < N; ++n) {
      double sum = 0, size = 0;
      for (int64_t k = 0; k < K; ++k) {
        float w = decoded[n * K + k];
        if (spec.roundToBf16)
          w = roundedToBf16(w);
        double product = double(inputValues[m * K + k]) * w;
        sum += product;
        // An offset is subtracted after a larger product was added.
        size += 4 * std::fabs(product);
      }
      if (spec.hasBias)
        sum += bias[n];
      if (spec.hasResidual)
        sum += residual[m * N + n];
      // A soft cap brings numbers nearer to each other and, as is tested apart,
      // rounds by less than 12 units.
      double bound = (K + (spec.softcap > 0 ? 20 : 8)) *
                     std::ldexp(roundoff, -24) * (size + std::fabs(sum) + 4);
      if (spec.softcap > 0)
        sum = spec.softcap * std::tanh(sum / spec.softcap);
      ASSERT_NEAR(result[m * N + n], sum, bound)
          << printFormat(spec.weight) << " m=" << m << " n=" << n;
    }
}
