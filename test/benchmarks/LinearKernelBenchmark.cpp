// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Speed of the linear kernels on one thread.
//
// One token (M = 1) over a weight of more bytes than caches hold: read
// bandwidth. 64 and 512 tokens over a weight of 2048 x 2048: arithmetic. Names
// are linear/<isa>/<format>/<activations>/<M>.

#include "LinearProblem.h"
#include "MachinePeaks.h"
#include "WeightStream.h"
#include <benchmark/benchmark.h>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

constexpr int64_t kWidth = 2048;
constexpr size_t kStreamBytes = 512u << 20;

struct Setup {
  const CpuTarget *target;
  std::string format;
  ActivationRow::Kind kind;
  int64_t group; ///< of int8 activations
  int64_t tokens;
};

void runLinear(benchmark::State &state, const Setup &setup) {
  LinearProblem p = LinearProblem::create(
      setup.format, {setup.kind, kWidth, setup.group}, setup.tokens, kWidth, 1);
  auto library =
      KernelLibrary::create(*setup.target, {p.source(*setup.target)});
  if (!library) {
    state.SkipWithError(library.status().message().c_str());
    return;
  }
  WeightStream weights(p.weights, setup.tokens == 1 ? kStreamBytes : 0);
  std::vector<float> y(setup.tokens * kWidth);
  auto kernel = (*library)->lookup<LinearProblem::Function>("linear");
  for (auto _ : state) {
    p.call(kernel, weights.next(), y.data(), nullptr, 4 * kWidth, 1);
    benchmark::ClobberMemory();
  }
  using benchmark::Counter;
  state.counters["GB/s"] = Counter(1e-9 * double(p.weights.size()),
                                   Counter::kIsIterationInvariantRate);
  state.counters["GOP/s"] =
      Counter(2e-9 * double(setup.tokens * kWidth * kWidth),
              Counter::kIsIterationInvariantRate);
}

const char *kindName(ActivationRow::Kind kind) {
  switch (kind) {
  case ActivationRow::Kind::F32:
    return "f32";
  case ActivationRow::Kind::BF16:
    return "bf16";
  case ActivationRow::Kind::Int8:
    break;
  }
  return "int8";
}

void registerLinear(const CpuTarget &target, const std::string &format,
                    int64_t group) {
  for (auto kind : {ActivationRow::Kind::Int8, ActivationRow::Kind::BF16,
                    ActivationRow::Kind::F32}) {
    bool isInt8 = kind == ActivationRow::Kind::Int8;
    if (isInt8 && group == 0)
      continue;
    for (int64_t tokens : {1, 64, 512}) {
      Setup setup{&target, format, kind, isInt8 ? group : 0, tokens};
      std::string name = "linear/" + target.isa + "/" + format + "/" +
                         kindName(kind) + "/" + std::to_string(tokens);
      benchmark::RegisterBenchmark(name.c_str(), [setup](
                                                     benchmark::State &state) {
        runLinear(state, setup);
      })->Unit(benchmark::kMicrosecond);
    }
  }
}

} // namespace

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  registerPeaks();
  for (const CpuTarget *target : runnableTargets()) {
    registerLinear(*target, "q4_0", 128);
    registerLinear(*target, "q4_k", 128);
    registerLinear(*target, "q6_k", 128);
    registerLinear(*target, "q5_k", 128);
    registerLinear(*target, "q3_k", 128);
    registerLinear(*target, "q2_k", 128);
    registerLinear(*target, "iq4_xs", 128);
    registerLinear(*target, "mxfp4", 128);
    registerLinear(*target, "q8_0", 128);
    registerLinear(*target, "int4_g128", 128);
    registerLinear(*target, "bf16", 0);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
