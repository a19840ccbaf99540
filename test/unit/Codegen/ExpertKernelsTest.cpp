// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Kernels of experts against the reference, and products with each one's
// matrix against double precision.

#include "KernelHarness.h"
#include "LinearProblem.h"
#include "RowBuffer.h"
#include "quern/Codegen/CPU/Kernels.h"
#include "quern/Reference/Math.h"
#include <cmath>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;
using reference::Tensor;

namespace {

struct Case {
  int64_t experts, top, width;
};

const Case kCases[] = {{1, 1, 16}, {3, 1, 7},   {4, 4, 17},
                       {5, 2, 96}, {17, 3, 64}, {128, 8, 172}};
constexpr int64_t kTokens[] = {1, 2, 9, 40};

std::string nameOf(const char *stem, const Case &c) {
  return stem + std::to_string(&c - kCases);
}

RowBuffer rowsOf(const Tensor &x) {
  RowBuffer rows(floatRow(x.cols()), x.rows());
  rows.assign({x.values().begin(), x.values().end()});
  return rows;
}

Tensor tensorOf(const RowBuffer &rows, int64_t count, int64_t width) {
  return Tensor::ofReals({count, width}, rows.values());
}

/// Calls a kernel once a worker.
using Call = std::function<void(const KernelLibrary &, float *scratch,
                                int64_t worker, int64_t workers)>;

void callAll(const KernelLibrary &library, const RoutingSpec &spec,
             int64_t workers, const Call &call) {
  for (int64_t w = 0; w < workers; ++w) {
    std::vector<float> scratch(spec.scratchBytes() / 4 + 1, 777.0f);
    call(library, scratch.data(), w, workers);
    EXPECT_EQ(scratch.back(), 777.0f);
  }
}

std::vector<KernelSource> sources() {
  std::vector<KernelSource> result;
  for (const Case &c : kCases) {
    RoutingSpec spec{c.experts, c.top};
    for (bool isNormalized : {false, true}) {
      std::string name = nameOf(isNormalized ? "normalized" : "route", c);
      result.push_back({name, [=](KernelBuilder &b) {
                          emitRouteKernel(b, name, spec, isNormalized);
                          return Status::ok();
                        }});
    }
    result.push_back({nameOf("dispatch", c), [=, &c](KernelBuilder &b) {
                        emitDispatchKernel(b, nameOf("dispatch", c), spec,
                                           c.width);
                        return Status::ok();
                      }});
    result.push_back({nameOf("combine", c), [=, &c](KernelBuilder &b) {
                        emitCombineKernel(b, nameOf("combine", c), spec,
                                          c.width);
                        return Status::ok();
                      }});
  }
  return result;
}

/// Logits of which some are equal.
Tensor logitsOf(const Case &c, int64_t tokens) {
  std::vector<float> logits = randomValues(tokens * c.experts, 3);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = i % 5 == 0 ? 1.0f : 8 * logits[i];
  return Tensor::ofReals({tokens, c.experts}, std::move(logits));
}

/// A power to 4 u of its exponent's error of |x| u, a sum of as many, and a
/// quotient.
void checkRoute(const KernelLibrary &library, const Case &c, int64_t tokens,
                bool isNormalized) {
  RoutingSpec spec{c.experts, c.top};
  Tensor logits = logitsOf(c, tokens);
  Tensor expected = *reference::route(logits, c.top, isNormalized);
  RowBuffer x = rowsOf(logits), y(floatRow(2 * c.top), tokens);
  callAll(library, spec, 1 + tokens % 3,
          [&](const KernelLibrary &kernels, float *scratch, int64_t w,
              int64_t workers) {
            kernels.call(nameOf(isNormalized ? "normalized" : "route", c),
                         x.data(), y.data(), tokens, scratch, w, workers);
          });
  y.expectIntact();
  std::vector<float> found = y.values();
  double u = std::ldexp(1.0, -24);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t j = 0; j < 2 * c.top; ++j) {
      double exact = expected.row(t)[j];
      double bound = j < c.top ? 0 : (2 * (4 + 40) + c.experts + 2) * u * exact;
      EXPECT_NEAR(found[t * 2 * c.top + j], exact, bound + 1e-37);
    }
}

void checkRows(const KernelLibrary &library, const Case &c, int64_t tokens) {
  RoutingSpec spec{c.experts, c.top};
  Tensor routing = *reference::route(logitsOf(c, tokens), c.top, false);
  Tensor x =
      Tensor::ofReals({tokens, c.width}, randomValues(tokens * c.width, 4));
  RowBuffer routes = rowsOf(routing), from = rowsOf(x);
  RowBuffer rows(floatRow(c.width), tokens * c.top);
  RowBuffer sums(floatRow(c.width), tokens);
  auto call = [&](const char *stem, RowBuffer &in, RowBuffer &out) {
    callAll(library, spec, 1 + tokens % 3,
            [&](const KernelLibrary &kernels, float *scratch, int64_t w,
                int64_t workers) {
              kernels.call(nameOf(stem, c), in.data(), out.data(),
                           routes.data(), tokens, scratch, w, workers);
            });
    out.expectIntact();
  };
  call("dispatch", from, rows);
  Tensor dispatched = *reference::dispatch(x, routing, c.experts);
  EXPECT_EQ(rows.values(), std::vector<float>(dispatched.values().begin(),
                                              dispatched.values().end()));
  call("combine", rows, sums);
  Tensor combined = *reference::combine(dispatched, routing, c.experts);
  std::vector<float> found = sums.values();
  for (size_t i = 0; i < found.size(); ++i) {
    double size = std::fabs(x.values()[i]); // shares are at most one in sum
    EXPECT_NEAR(found[i], combined.values()[i],
                (c.top + 2) * std::ldexp(size, -24));
  }
}

TEST(ExpertKernels, RouteDispatchCombine) {
  for (auto &[target, library] : compileForAllTargets(sources())) {
    SCOPED_TRACE(target->isa);
    for (const Case &c : kCases)
      for (int64_t tokens : kTokens) {
        SCOPED_TRACE(std::to_string(c.experts) + " experts, " +
                     std::to_string(tokens) + " tokens");
        for (bool isNormalized : {false, true})
          checkRoute(*library, c, tokens, isNormalized);
        checkRows(*library, c, tokens);
      }
  }
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A weight of five experts of 48 rows each, and tokens that choose two.
struct RoutedProblem {
  RoutedProblem(const std::string &format, const ActivationRow &input)
      : rows(LinearProblem::create(format, input, tokens * spec.top,
                                   spec.experts * columns, 7)),
        routing(*reference::route(logitsOf({spec.experts, 0, 0}, tokens),
                                  spec.top, false)) {
    rows.spec.hasBias = true;
    rows.spec.hasFirstPanel = true;
  }

  static constexpr int64_t columns = 48, tokens = 11;
  static constexpr RoutingSpec spec{5, 2};
  LinearProblem rows;
  Tensor routing;

  std::vector<float> run(const KernelLibrary &library, int64_t workers) const;
  void expectClose(const std::vector<float> &y) const;
};

std::vector<float> RoutedProblem::run(const KernelLibrary &library,
                                      int64_t workers) const {
  const LinearSpec &linear = rows.spec;
  const uint8_t *at[4] = {};
  for (size_t i = 0; i < linear.layout.segments.size(); ++i)
    at[i] = rows.weights.data() +
            segmentOffset(linear.layout, i, rows.N, rows.depth());
  std::vector<float> y(rows.M * columns + 1, 777.0f);
  RowBuffer routes = rowsOf(routing);
  auto call = [&](auto... segments) {
    callAll(library, spec, workers,
            [&](const KernelLibrary &kernels, float *scratch, int64_t w,
                int64_t count) {
              kernels.call("routed", rows.input.rowBytes(0), y.data(),
                           int64_t(4 * columns), rows.bias.data(),
                           (const float *)nullptr, tokens, columns, w, count,
                           segments..., routes.data(), scratch);
            });
  };
  if (linear.layout.segments.size() == 1)
    call(at[0]);
  else if (linear.layout.segments.size() == 2)
    call(at[0], at[1]);
  else
    call(at[0], at[1], at[2]);
  EXPECT_EQ(y.back(), 777.0f);
  y.pop_back();
  return y;
}

// The bound of LinearProblem::expectClose.
void RoutedProblem::expectClose(const std::vector<float> &y) const {
  std::vector<int64_t> owners;
  for (int64_t e = 0; e < spec.experts; ++e)
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t j = 0; j < spec.top; ++j)
        if (int64_t(routing.row(t)[j]) == e)
          owners.push_back(e);
  int64_t K = rows.depth();
  for (int64_t m = 0; m < rows.M; ++m)
    for (int64_t n = 0; n < columns; ++n) {
      int64_t row = owners[m] * columns + n;
      double sum = rows.bias[row], size = 0;
      for (int64_t k = 0; k < K; ++k) {
        double product =
            double(rows.inputValues[m * K + k]) * rows.decoded[row * K + k];
        sum += product;
        size += 4 * std::fabs(product);
      }
      ASSERT_NEAR(y[m * columns + n], sum,
                  (K + 8) * std::ldexp(size + std::fabs(sum) + 4, -24))
          << "m=" << m << " n=" << n;
    }
}

TEST(ExpertKernels, ProductsWithEachExpertsMatrix) {
  const std::pair<const char *, ActivationRow> cases[] = {
      {"f32", {kF32, 64}},
      {"q4_0", {kF32, 64}},
      {"q4_0", {kInt8, 64, 32}},
      {"q4_k", {kInt8, 256, 32}},
      {"int8_channel", {kInt8, 96, 96}},
      {"nvfp4", {kF32, 64}},
      {"nvfp4", {kInt8, 64, 16}}};
  for (const auto &[format, input] : cases)
    for (const CpuTarget *target : runnableTargets()) {
      SCOPED_TRACE(std::string(format) + " on " + target->isa);
      RoutedProblem p(format, input);
      LinearSpec linear = p.rows.tiledSpec(*target);
      auto library = KernelLibrary::create(
          *target, {{"routed", [&](KernelBuilder &b) {
                       Status status = emitLinearKernel(b, "linear", linear);
                       emitRoutedLinearKernel(b, "routed", "linear", linear,
                                              RoutedProblem::spec);
                       return status;
                     }}});
      ASSERT_TRUE(library.isOk()) << library.status().message();
      std::vector<float> y = p.run(**library, 1);
      p.expectClose(y);
      EXPECT_EQ(p.run(**library, 3), y);
    }
}

} // namespace
