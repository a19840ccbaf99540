// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Speed of encoding on one thread, in bytes of f32 read per second.
//
// Names are encode/<isa>/<format>/<solver>, for all formats that Quern ships.

#include "quern/Numerics/EncodeTensor.h"
#include <benchmark/benchmark.h>
#include <random>

using namespace quern;
using namespace quern::numerics;

namespace {
constexpr int64_t kRows = 256, kCols = 2048;
} // namespace

static const std::vector<float> &normalValues() {
  static const std::vector<float> values = [] {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> x(kRows * kCols);
    for (float &value : x)
      value = normal(random);
    return x;
  }();
  return values;
}

static void encode(benchmark::State &state, const Format *format,
                   EncodeOptions options) {
  const std::vector<float> &values = normalValues();
  for (auto _ : state) {
    Result<CodedTensor> coded =
        encodeRows(*format, values, kRows, kCols, options);
    if (!coded) {
      state.SkipWithError(coded.status().message().c_str());
      return;
    }
    benchmark::DoNotOptimize(coded->planes);
  }
  state.SetBytesProcessed(state.iterations() * kRows * kCols *
                          int64_t(sizeof(float)));
}

int main(int argc, char **argv) {
  const FormatRegistry &registry = FormatRegistry::builtin();
  for (const std::string &isa : encoderIsas())
    for (const std::string &name : registry.names())
      for (Solver solver : {Solver::Plain, Solver::Mse}) {
        EncodeOptions options;
        options.isa = isa;
        options.solver = solver;
        std::string title = "encode/" + isa + "/" + name +
                            (solver == Solver::Mse ? "/mse" : "/rtn");
        benchmark::RegisterBenchmark(title.c_str(), encode,
                                     registry.lookup(name), options);
      }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
