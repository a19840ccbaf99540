// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Speed of the linear kernel of every named format on one thread, with a
// weight that lies in the second-level cache.
//
// Names are <isa>/<format>/<activations>/<M>. The weight has 1024 columns and
// as many rows, a multiple of 128, as half of the cache holds. The counter GB/s
// is of the weight's bytes, GOP/s of multiplications and additions. This
// measures decoding and arithmetic; LinearKernelBenchmark measures memory.

#include "LinearProblem.h"
#include "quern/Numerics/ActivationGroup.h"
#include "quern/Numerics/AlignBlocks.h"
#include <benchmark/benchmark.h>
#include <unistd.h>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;
using numerics::Format;
using numerics::FormatRegistry;

namespace {

constexpr int64_t kWidth = 1024;
constexpr int64_t kRowStep = 128; ///< divided by every format's rows to a block
constexpr int64_t kCacheUnknown = 1 << 20;

struct Setup {
  const CpuTarget *target;
  std::string format;
  ActivationRow input;
  int64_t tokens, rows;
};

/// Rows of a weight that fills half of the second-level cache.
int64_t residentRows(const Format &format) {
  int64_t cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
  double bytesOfStep = numerics::bitsPerElement(format, kRowStep, kWidth) *
                       kRowStep * kWidth / 8;
  int64_t steps =
      int64_t(double(cache > 0 ? cache : kCacheUnknown) / 2 / bytesOfStep);
  return kRowStep * std::clamp<int64_t>(steps, 1, kWidth / kRowStep);
}

void runResident(benchmark::State &state, const Setup &setup) {
  LinearProblem p = LinearProblem::create(setup.format, setup.input,
                                          setup.tokens, setup.rows, 1);
  auto library =
      KernelLibrary::create(*setup.target, {p.source(*setup.target)});
  if (!library) {
    state.SkipWithError(library.status().message().c_str());
    return;
  }
  std::vector<float> y(setup.tokens * setup.rows);
  auto kernel = (*library)->lookup<LinearProblem::Function>("linear");
  for (auto _ : state) {
    p.call(kernel, p.weights.data(), y.data(), nullptr, 4 * setup.rows, 1);
    benchmark::ClobberMemory();
  }
  using benchmark::Counter;
  state.counters["GB/s"] = Counter(1e-9 * double(p.weights.size()),
                                   Counter::kIsIterationInvariantRate);
  state.counters["GOP/s"] =
      Counter(2e-9 * double(setup.tokens * setup.rows * kWidth),
              Counter::kIsIterationInvariantRate);
}

void registerFormat(const CpuTarget &target, const std::string &name) {
  const Format format =
      numerics::alignedFormat(*FormatRegistry::builtin().lookup(name), kWidth);
  int64_t group = numerics::activationGroup(format, kWidth);
  for (auto kind : {ActivationRow::Kind::F32, ActivationRow::Kind::Int8}) {
    bool isInt8 = kind == ActivationRow::Kind::Int8;
    if (isInt8 && group == 0)
      continue;
    for (int64_t tokens : {1, 64}) {
      Setup setup{&target,
                  name,
                  {kind, kWidth, isInt8 ? group : 0},
                  tokens,
                  residentRows(format)};
      std::string title = target.isa + "/" + name +
                          (isInt8 ? "/int8/" : "/f32/") +
                          std::to_string(tokens);
      benchmark::RegisterBenchmark(title.c_str(), [setup](
                                                      benchmark::State &state) {
        runResident(state, setup);
      })->Unit(benchmark::kMicrosecond);
    }
  }
}

} // namespace

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  for (const CpuTarget *target : runnableTargets())
    for (const std::string &name : FormatRegistry::builtin().names())
      registerFormat(*target, name);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
