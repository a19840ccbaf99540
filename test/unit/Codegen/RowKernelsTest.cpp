// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Norm, rope, add and gated activation against double precision; e^x.

#include "KernelHarness.h"
#include "LinearProblem.h"
#include "RowBuffer.h"
#include "quern/Codegen/CPU/Kernels.h"
#include "quern/Codegen/CPU/MathFunctions.h"
#include <cmath>
#include <optional>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

/// Unit roundoff of binary32.
const double u = std::ldexp(1.0, -24);
constexpr int64_t kRowCounts[] = {1, 2, 9};

std::string numbered(const char *stem, int64_t a, int64_t b = 0) {
  return std::string(stem) + "_" + std::to_string(a) + "_" + std::to_string(b);
}

/// A row kernel of F32 rows: its sources, and how to call it.
using Call = std::function<void(const KernelLibrary &, RowBuffer &y, int64_t M,
                                int64_t worker, int64_t workers)>;

/// Runs a kernel on every instruction set with one to three workers: results
/// have the same bits everywhere and padding stays. Returns [M, width].
std::vector<float> runEverywhere(const std::vector<TargetLibrary> &libraries,
                                 int64_t width, int64_t M, const Call &call) {
  std::optional<RowBuffer> first;
  for (auto &[target, library] : libraries)
    for (int64_t workers : {1, 2, 3}) {
      SCOPED_TRACE(target->isa + " workers " + std::to_string(workers));
      RowBuffer y(floatRow(width), M);
      for (int64_t w = 0; w < workers; ++w)
        call(*library, y, M, w, workers);
      y.expectIntact();
      if (!first)
        first = y;
      EXPECT_TRUE(y == *first) << "differs from " << libraries[0].target->isa;
    }
  return first ? first->values() : std::vector<float>();
}

RowBuffer randomRows(int64_t width, int64_t M, unsigned seed) {
  RowBuffer x(floatRow(width), M);
  x.assign(randomValues(M * width, seed));
  return x;
}

//===----------------------------------------------------------------------===//
// RMS norm
//===----------------------------------------------------------------------===//

/// Relative error of x / sqrt(mean(x^2) + eps) * w in binary32, to first order:
/// a sum of n squares in 16 lanes has at most 1 + n/16 + 4 roundings of terms
/// of one sign, division and eps two more; the root halves that and adds one,
/// the reciprocal, and two products one each.
double normBound(int64_t n) { return ((n / 16.0 + 8) / 2 + 5) * u; }

std::string nameOf(const NormSpec &spec) {
  return numbered(spec.unitOffset ? "offset_norm" : "norm", spec.width,
                  spec.group);
}

void checkNorm(const std::vector<TargetLibrary> &libraries,
               const NormSpec &spec) {
  int64_t width = spec.width, group = spec.group;
  std::vector<float> weight = randomValues(group, 5);
  for (int64_t M : kRowCounts) {
    RowBuffer x = randomRows(width, M, unsigned(width + M));
    std::fill_n(x.floats(M - 1), group, 0.0f); // nothing but eps is left
    std::vector<float> y =
        runEverywhere(libraries, width, M,
                      [&](const KernelLibrary &library, RowBuffer &out,
                          int64_t rows, int64_t w, int64_t workers) {
                        library.call(nameOf(spec), x.data(), out.data(),
                                     weight.data(), rows, w, workers);
                      });
    for (int64_t m = 0; m < M; ++m)
      for (int64_t k = 0; k < width; ++k) {
        const float *run = x.floats(m) + k / group * group;
        double sum = 0;
        for (int64_t i = 0; i < group; ++i)
          sum += double(run[i]) * run[i];
        double factor = weight[k % group] + (spec.unitOffset ? 1.0 : 0.0);
        double normal = run[k % group] / std::sqrt(sum / group + spec.eps);
        double exact = normal * factor;
        // Where one is added to the weight, the sum is rounded.
        double bound = normBound(group) + (spec.unitOffset ? u : 0);
        ASSERT_NEAR(y[m * width + k], exact, bound * fabs(exact))
            << "width " << width << " m " << m << " k " << k;
      }
  }
}

TEST(RowKernels, RmsNorm) {
  const std::pair<int64_t, int64_t> shapes[] = {
      {1, 1},     {7, 7},   {16, 16}, {17, 17},  {64, 64},
      {172, 172}, {96, 32}, {64, 8},  {192, 48}, {256, 128}};
  std::vector<NormSpec> specs;
  for (auto [width, group] : shapes)
    for (bool unitOffset : {false, true}) {
      NormSpec spec;
      spec.width = width, spec.group = group, spec.eps = 1e-5f;
      spec.unitOffset = unitOffset;
      specs.push_back(spec);
    }
  std::vector<KernelSource> sources;
  for (const NormSpec &spec : specs)
    sources.push_back({nameOf(spec), [spec](KernelBuilder &b) {
                         emitRmsNormKernel(b, nameOf(spec), spec);
                         return Status::ok();
                       }});
  auto libraries = compileForAllTargets(sources);
  for (const NormSpec &spec : specs)
    checkNorm(libraries, spec);
}

//===----------------------------------------------------------------------===//
// Layer norm and positions
//===----------------------------------------------------------------------===//

/// A mean of n numbers has at most n/16 + 6 roundings, each of at most `size`,
/// the mean of magnitudes: so much is every distance from it off, and once more
/// by a rounding. Their squares and the rest are those of the norm above; the
/// bias adds one rounding.
void checkLayerNorm(const std::vector<TargetLibrary> &libraries, int64_t width,
                    bool hasBias) {
  constexpr double eps = 1e-5f;
  std::vector<float> weight = randomValues(width, 5);
  std::vector<float> bias = randomValues(width, 6);
  for (int64_t M : kRowCounts) {
    RowBuffer x = randomRows(width, M, unsigned(width + M));
    for (int64_t k = 0; k < width; ++k)
      x.floats(0)[k] += 3.0f; // a mean that matters
    std::vector<float> y =
        runEverywhere(libraries, width, M,
                      [&](const KernelLibrary &library, RowBuffer &out,
                          int64_t rows, int64_t w, int64_t workers) {
                        library.call(numbered("layer_norm", width, hasBias),
                                     x.data(), out.data(), weight.data(),
                                     bias.data(), rows, w, workers);
                      });
    for (int64_t m = 0; m < M; ++m) {
      const float *row = x.floats(m);
      double sum = 0, size = 0, squares = 0;
      for (int64_t k = 0; k < width; ++k)
        sum += row[k], size += std::fabs(row[k]) / double(width);
      double mean = sum / double(width);
      for (int64_t k = 0; k < width; ++k)
        squares += (row[k] - mean) * (row[k] - mean);
      double root = std::sqrt(squares / double(width) + eps);
      double meanError = (double(width) / 16 + 6) * u * size;
      for (int64_t k = 0; k < width; ++k) {
        double normal = (row[k] - mean) / root;
        double exact = normal * weight[k] + (hasBias ? bias[k] : 0.0f);
        double error = (meanError + u * std::fabs(row[k] - mean)) / root *
                           (1 + std::fabs(normal)) +
                       normBound(width) * std::fabs(normal);
        ASSERT_NEAR(y[m * width + k], exact,
                    1.01 * error * std::fabs(weight[k]) + u * fabs(exact))
            << "width " << width << " m " << m << " k " << k;
      }
    }
  }
}

TEST(RowKernels, LayerNorm) {
  const int64_t widths[] = {2, 7, 16, 17, 64, 172};
  std::vector<KernelSource> sources;
  for (int64_t width : widths)
    for (bool hasBias : {false, true}) {
      std::string name = numbered("layer_norm", width, hasBias);
      sources.push_back({name, [=](KernelBuilder &b) {
                           emitLayerNormKernel(b, name, width, 1e-5f, hasBias);
                           return Status::ok();
                         }});
    }
  auto libraries = compileForAllTargets(sources);
  for (int64_t width : widths)
    for (bool hasBias : {false, true})
      checkLayerNorm(libraries, width, hasBias);
}

TEST(RowKernels, AddPositions) {
  constexpr int64_t position = 3;
  const int64_t widths[] = {1, 7, 16, 17, 64, 172};
  std::vector<KernelSource> sources;
  for (int64_t width : widths)
    sources.push_back({numbered("positions", width), [=](KernelBuilder &b) {
                         emitAddPositionsKernel(b, numbered("positions", width),
                                                width);
                         return Status::ok();
                       }});
  auto libraries = compileForAllTargets(sources);
  for (int64_t width : widths)
    for (int64_t M : kRowCounts) {
      RowBuffer x = randomRows(width, M, 1);
      std::vector<float> table = randomValues((position + M) * width, 2);
      std::vector<float> y = runEverywhere(
          libraries, width, M,
          [&](const KernelLibrary &library, RowBuffer &out, int64_t rows,
              int64_t w, int64_t workers) {
            library.call(numbered("positions", width), x.data(), out.data(),
                         table.data(), rows, position, w, workers);
          });
      std::vector<float> a = x.values();
      for (size_t i = 0; i < a.size(); ++i)
        EXPECT_EQ(y[i], a[i] + table[position * width + i]);
    }
}

//===----------------------------------------------------------------------===//
// Hadamard transform
//===----------------------------------------------------------------------===//

/// One rounding of the factor, one of each product with it, and one a step, of
/// numbers whose sum is at most that of all magnitudes.
void checkHadamard(const std::vector<TargetLibrary> &libraries, int64_t width,
                   int64_t group) {
  for (int64_t M : kRowCounts) {
    RowBuffer x = randomRows(width, M, unsigned(width + M));
    std::vector<float> y =
        runEverywhere(libraries, width, M,
                      [&](const KernelLibrary &library, RowBuffer &out,
                          int64_t rows, int64_t w, int64_t workers) {
                        library.call(numbered("hadamard", width, group),
                                     x.data(), out.data(), rows, w, workers);
                      });
    for (int64_t m = 0; m < M; ++m)
      for (int64_t k = 0; k < width; ++k) {
        const float *run = x.floats(m) + k / group * group;
        double sum = 0, size = 0;
        for (int64_t j = 0; j < group; ++j) {
          bool isNegative = __builtin_parityll(uint64_t(k % group & j));
          sum += isNegative ? -double(run[j]) : double(run[j]);
          size += std::fabs(run[j]);
        }
        double root = std::sqrt(double(group));
        ASSERT_NEAR(y[m * width + k], sum / root,
                    (2 + std::log2(group)) * u * size / root * 1.001)
            << "width " << width << " group " << group << " m " << m << " k "
            << k;
      }
  }
}

TEST(RowKernels, Hadamard) {
  const std::pair<int64_t, int64_t> shapes[] = {
      {3, 1},   {6, 2},    {64, 8},    {48, 16},
      {96, 32}, {128, 64}, {256, 128}, {512, 512}};
  std::vector<KernelSource> sources;
  for (auto [width, group] : shapes)
    sources.push_back({numbered("hadamard", width, group),
                       [width = width, group = group](KernelBuilder &b) {
                         emitHadamardKernel(b,
                                            numbered("hadamard", width, group),
                                            width, group);
                         return Status::ok();
                       }});
  auto libraries = compileForAllTargets(sources);
  for (auto [width, group] : shapes)
    checkHadamard(libraries, width, group);
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

void checkRope(const std::vector<TargetLibrary> &libraries, int64_t width,
               int64_t headDim, int64_t rotated, int64_t position) {
  int64_t half = rotated / 2;
  for (int64_t M : kRowCounts) {
    std::vector<float> table((position + M) * rotated);
    for (int64_t t = 0; t < position + M; ++t)
      for (int64_t i = 0; i < half; ++i) {
        double angle = double(t) * std::pow(1e4, -double(i) / double(half));
        table[t * rotated + i] = float(std::cos(angle));
        table[t * rotated + half + i] = float(std::sin(angle));
      }
    RowBuffer x = randomRows(width, M, unsigned(width + M));
    std::vector<float> y = runEverywhere(
        libraries, width, M,
        [&](const KernelLibrary &library, RowBuffer &out, int64_t rows,
            int64_t w, int64_t workers) {
          library.call(numbered("rope", width, headDim), x.data(), out.data(),
                       table.data(), rows, position, w, workers);
        });
    for (int64_t m = 0; m < M; ++m)
      for (int64_t k = 0; k < width; ++k) {
        int64_t column = k % headDim;
        if (column >= rotated) {
          ASSERT_EQ(y[m * width + k], x.floats(m)[k]);
          continue;
        }
        int64_t pair = column % half, base = k - column;
        double a = x.floats(m)[base + pair],
               c = x.floats(m)[base + half + pair];
        const float *turn = &table[(position + m) * rotated + pair];
        bool isFirst = column < half;
        double p = (isFirst ? a : c) * turn[0]; // cosine
        double q = (isFirst ? -c : a) * turn[half];
        // Two products and a sum: two roundings on either way.
        ASSERT_NEAR(y[m * width + k], p + q, 2.01 * u * (fabs(p) + fabs(q)))
            << "width " << width << " head " << headDim << " k " << k;
      }
  }
}

TEST(RowKernels, Rope) {
  struct {
    int64_t width, headDim, rotated;
  } shapes[] = {{8, 8, 8},     {64, 32, 32},    {96, 48, 48},
                {256, 64, 64}, {128, 128, 128}, {20, 20, 20},
                {160, 80, 20}, {96, 24, 12},    {128, 64, 32}};
  std::vector<KernelSource> sources;
  for (auto [width, headDim, rotated] : shapes)
    sources.push_back({numbered("rope", width, headDim),
                       [width = width, headDim = headDim,
                        rotated = rotated](KernelBuilder &b) {
                         emitRopeKernel(b, numbered("rope", width, headDim),
                                        width, headDim, rotated);
                         return Status::ok();
                       }});
  auto libraries = compileForAllTargets(sources);
  for (auto [width, headDim, rotated] : shapes)
    for (int64_t position : {0, 5})
      checkRope(libraries, width, headDim, rotated, position);
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

const int64_t kWidths[] = {1, 7, 16, 17, 64, 172};

std::vector<float> runBinary(const std::vector<TargetLibrary> &libraries,
                             const char *stem, int64_t width,
                             const RowBuffer &a, const RowBuffer &b,
                             int64_t M) {
  return runEverywhere(libraries, width, M,
                       [&](const KernelLibrary &library, RowBuffer &y,
                           int64_t rows, int64_t w, int64_t workers) {
                         library.call(numbered(stem, width), a.rowBytes(0),
                                      b.rowBytes(0), y.data(), rows, w,
                                      workers);
                       });
}

TEST(RowKernels, Add) {
  std::vector<KernelSource> sources;
  for (int64_t width : kWidths)
    sources.push_back({numbered("add", width), [width](KernelBuilder &b) {
                         emitAddKernel(b, numbered("add", width), width);
                         return Status::ok();
                       }});
  auto libraries = compileForAllTargets(sources);
  for (int64_t width : kWidths)
    for (int64_t M : kRowCounts) {
      RowBuffer x = randomRows(width, M, 1), z = randomRows(width, M, 2);
      std::vector<float> a = x.values(), b = z.values();
      std::vector<float> sums = runBinary(libraries, "add", width, x, z, M);
      for (size_t i = 0; i < a.size(); ++i)
        EXPECT_EQ(sums[i], a[i] + b[i]);
    }
}

/// A function, how many times u its relative error is at most, and that of the
/// power e^-g inside it, whose exponent g has one: of |g| times so many u.
struct ExactFunction {
  const char *name;
  double (*value)(double);
  double ulps;
  double exponentUlps;
  double (*exponent)(double);
};

double tanhArgument(double x) {
  return 2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
}

/// e^x to 4 u (see Exp below). silu: one rounding each of the sum, the
/// quotient and the product with `up`. gelu_tanh: the same, and the argument
/// has five roundings. gelu: p(t) has ten steps whose sums are below 2, t three
/// roundings; 1 - tail, up to a half, and three products one each.
const ExactFunction kActivations[] = {
    {"silu", [](double x) { return x / (1 + std::exp(-x)); }, 7, 0,
     [](double) { return 0.0; }},
    {"gelu", [](double x) { return x * std::erfc(-x * M_SQRT1_2) / 2; }, 30, 3,
     [](double x) { return x * x / 2; }},
    {"gelu_tanh", [](double x) { return x / (1 + std::exp(-tanhArgument(x))); },
     7, 5, tanhArgument},
};

TEST(RowKernels, GatedActivations) {
  std::vector<KernelSource> sources;
  for (const ExactFunction &f : kActivations)
    for (int64_t width : kWidths)
      sources.push_back({numbered(f.name, width), [=](KernelBuilder &b) {
                           emitGatedKernel(b, numbered(f.name, width), f.name,
                                           width);
                           return Status::ok();
                         }});
  auto libraries = compileForAllTargets(sources);
  for (const ExactFunction &f : kActivations)
    for (int64_t width : kWidths)
      for (int64_t M : kRowCounts) {
        RowBuffer x = randomRows(width, M, 1), z = randomRows(width, M, 2);
        for (int64_t m = 0; m < M; ++m) // gates up to about +-100
          x.floats(m)[m % width] *= 60.0f;
        std::vector<float> a = x.values(), b = z.values();
        std::vector<float> y = runBinary(libraries, f.name, width, x, z, M);
        for (size_t i = 0; i < a.size(); ++i) {
          double exact = f.value(a[i]) * b[i];
          // e^88.3 stands for all larger powers.
          double ulps =
              f.ulps + f.exponentUlps * std::fabs(f.exponent(double(a[i])));
          EXPECT_NEAR(y[i], exact,
                      1.01 * ulps * u * fabs(exact) + 1e-36 * fabs(a[i] * b[i]))
              << f.name << " " << a[i] << " " << b[i];
        }
      }
}

//===----------------------------------------------------------------------===//
// Functions of one number
//===----------------------------------------------------------------------===//

/// Rows of `y` lie densely or as ActivationRow says.
std::vector<float> runMap(const KernelLibrary &library, const std::string &name,
                          const RowBuffer &x, int64_t width, int64_t M,
                          int64_t stride, int64_t workers) {
  std::vector<float> y(M * stride / 4 + 1, 777.0f);
  for (int64_t w = 0; w < workers; ++w)
    library.call(name, x.rowBytes(0), y.data(), stride, M, w, workers);
  EXPECT_EQ(y.back(), 777.0f);
  std::vector<float> result;
  for (int64_t m = 0; m < M; ++m)
    result.insert(result.end(), &y[m * stride / 4], &y[m * stride / 4] + width);
  return result;
}

/// tanh: below 0.625 a polynomial of four steps; else e^2|x| to 4 u, a sum, a
/// quotient and a difference, relative to tanh(0.625) = 0.55. The quotient by
/// the cap changes tanh(z) by less than z does, and the product rounds once.
TEST(RowKernels, Softcap) {
  constexpr float cap = 1.5f;
  std::vector<KernelSource> sources;
  for (int64_t width : kWidths)
    sources.push_back({numbered("cap", width), [=](KernelBuilder &b) {
                         emitMapKernel(b, numbered("cap", width), width,
                                       [&](mlir::Value x) {
                                         return applySoftcap(b, x, cap);
                                       });
                         return Status::ok();
                       }});
  auto libraries = compileForAllTargets(sources);
  for (int64_t width : kWidths)
    for (int64_t M : kRowCounts) {
      RowBuffer x = randomRows(width, M, 3);
      for (int64_t m = 0; m < M; ++m) // far into both ends
        x.floats(m)[m % width] *= m % 2 ? 400.0f : 1e-20f;
      std::vector<float> a = x.values();
      for (auto &[target, library] : libraries)
        for (int64_t stride : {4 * width, floatRow(width).stride()}) {
          std::vector<float> y = runMap(*library, numbered("cap", width), x,
                                        width, M, stride, 1 + stride % 3);
          for (size_t i = 0; i < a.size(); ++i) {
            double exact = cap * std::tanh(double(a[i]) / cap);
            EXPECT_NEAR(y[i], exact, 12 * u * std::fabs(exact))
                << target->isa << " " << a[i];
          }
        }
    }
}

/// Emits y = e^x on rows of 16 columns. Arguments: x ptr, y ptr, rows.
Status emitExp(KernelBuilder &b) {
  mlir::Type p = b.ptrType();
  auto args = b.beginFunction("exp", {p, p, b.getI64Type()}).getArguments();
  b.loop(b.i64(0), args[2], 1, [&](mlir::Value row) {
    mlir::Value bytes = b.mul(row, 64);
    b.store(b.exp(b.loadVector(b.offset(args[0], bytes))),
            b.offset(args[1], bytes), 4);
  });
  b.endFunction();
  return Status::ok();
}

TEST(RowKernels, Exp) {
  std::vector<float> x;
  for (float size = 1e-6f; size < 88.3f; size *= 1.0001f) {
    x.push_back(size);
    x.push_back(-std::min(size, 87.3f));
  }
  x.insert(x.end(), {0.0f, -0.0f, 88.3f, -87.3f});
  x.resize((x.size() + 15) / 16 * 16, 0.0f);
  std::vector<float> first;
  for (auto &[target, library] : compileForAllTargets({{"exp", emitExp}})) {
    SCOPED_TRACE(target->isa);
    std::vector<float> y(x.size());
    library->call("exp", x.data(), y.data(), int64_t(x.size() / 16));
    for (size_t i = 0; i < x.size(); ++i) {
      double exact = std::exp(double(x[i]));
      ASSERT_NEAR(y[i], exact, 4 * u * exact) << x[i];
    }
    if (first.empty())
      first = y;
    EXPECT_EQ(first, y);
  }
}

TEST(RowKernels, ExpClampsOutside) {
  std::vector<float> x(16, 1000.0f), y(16);
  std::fill_n(x.begin(), 8, -1000.0f);
  for (auto &[target, library] : compileForAllTargets({{"exp", emitExp}})) {
    library->call("exp", x.data(), y.data(), int64_t(1));
    for (int i = 0; i < 16; ++i) {
      EXPECT_TRUE(std::isfinite(y[i])) << target->isa;
      EXPECT_TRUE(i < 8 ? y[i] < 2e-38f : y[i] > 2e38f) << target->isa;
    }
  }
}

/// Emits y = a * b + c on rows of 16 columns. Arguments: a, b, c, y ptr, rows.
Status emitFused(KernelBuilder &b) {
  mlir::Type p = b.ptrType();
  auto args =
      b.beginFunction("fused", {p, p, p, p, b.getI64Type()}).getArguments();
  b.loop(b.i64(0), args[4], 1, [&](mlir::Value row) {
    auto at = [&](int i) { return b.offset(args[i], b.mul(row, 64)); };
    auto in = [&](int i) { return b.loadVector(at(i)); };
    b.store(b.fusedMultiplyAdd(in(0), in(1), in(2)), at(3), 4);
  });
  b.endFunction();
  return Status::ok();
}

/// One rounding, by instruction or emulated: cancellation, halfway cases, huge
/// and subnormal results.
TEST(RowKernels, FusedMultiplyAdd) {
  constexpr int64_t count = 1 << 16;
  std::vector<float> a = randomValues(count, 1), b = randomValues(count, 2);
  std::vector<float> c = randomValues(count, 3), y(count);
  for (int64_t i = 0; i < count; ++i) {
    if (i % 4 == 0)
      c[i] = -a[i] * b[i];
    if (i % 4 == 1)
      c[i] = std::ldexp(c[i], int(i / 4 % 80) - 40);
    if (i % 16 == 2)
      a[i] = std::ldexp(a[i], -130), c[i] = std::ldexp(c[i], -140);
    if (i % 16 == 3) // halfway but for the product
      c[i] = 1.0f + 3 * std::ldexp(1.0f, -23), a[i] = std::ldexp(1.0f, -12),
      b[i] =
          std::ldexp(1.0f + float(i / 16 % 3 - 1) * std::ldexp(1.0f, -20), -12);
  }
  for (auto &[target, library] : compileForAllTargets({{"fused", emitFused}})) {
    library->call("fused", a.data(), b.data(), c.data(), y.data(),
                  int64_t(count / 16));
    for (int64_t i = 0; i < count; ++i)
      ASSERT_EQ(y[i], std::fma(a[i], b[i], c[i]))
          << target->isa << ": " << a[i] << " * " << b[i] << " + " << c[i];
  }
}

} // namespace
