// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Speed of linear layers of one shape, as a model runs them.
//
// quern-linear-shapes K N THREADS [Google Benchmark's options]: activations in
// float are coded and multiplied by the threads of the runtime's pool, which
// meet between the two steps. Weights come from memory. Names are
// <format>/<activations>/<M>; the counter GOP/s is of the product alone.

#include "LinearProblem.h"
#include "ThreadPool.h"
#include "WeightStream.h"
#include "quern/Codegen/CPU/Kernels.h"
#include <benchmark/benchmark.h>
#include <cstdio>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;
using runtime::ThreadPool;

namespace {

constexpr size_t kStreamBytes = 512u << 20;
constexpr int64_t kTokens[] = {1, 8, 64, 512};
constexpr int64_t kMostTokens = 512;

struct Shape {
  int64_t K, N;
};

/// A format and what it is multiplied with.
struct Setup {
  const char *format;
  const char *activations; ///< as formats are written
  ActivationRow::Kind kind;
  int64_t group; ///< of int8 activations
};

using Kind = ActivationRow::Kind;
constexpr Setup kSetups[] = {
    {"i4 [1, 32], scale f16 from max / -8", "i8 [1, 32], scale f32", Kind::Int8,
     32},
    {"i4 [1, 128], scale f16", "i8 [1, 128], scale f32", Kind::Int8, 128},
    {"i8 [1, *], scale f32", "i8 [1, 32], scale f32", Kind::Int8, 32},
    {"i4 [1, 128], scale f16", "bf16", Kind::BF16, 0},
};
constexpr const char *kNames[] = {"4-bit g32/int8", "4-bit g128/int8",
                                  "int8 rows/int8", "4-bit g128/bf16"};

using QuantizeFunction = void(const float *x, uint8_t *y, int64_t M,
                              int64_t worker, int64_t workers);

/// Bytes as the arena of a model is aligned.
class AlignedBytes {
public:
  explicit AlignedBytes(int64_t size)
      : memory(static_cast<uint8_t *>(
            std::aligned_alloc(64, size_t(size + 63) / 64 * 64))) {
    std::fill_n(memory, size, uint8_t(0));
  }
  AlignedBytes(const AlignedBytes &) = delete;
  ~AlignedBytes() { std::free(memory); }
  uint8_t *data() const { return memory; }

private:
  uint8_t *memory;
};

/// One layer. The fields of quern_step that the pool reads are set as the
/// runtime sets them.
struct Layer : quern_step {
  QuantizeFunction *quantize;
  LinearProblem::Function *linear;
  const LinearSpec *spec;
  const uint8_t *weight;
  const float *x;
  uint8_t *coded;
  float *y;
  int64_t M, N;
};

void runLayer(quern_step *step, int64_t worker) {
  const Layer &layer = *static_cast<Layer *>(step);
  layer.quantize(layer.x, layer.coded, layer.M, worker, layer.workers);
  layer.barrier(layer.pool, worker);
  const uint8_t *at[4] = {};
  const numerics::Layout &layout = layer.spec->layout;
  for (size_t i = 0; i < layout.segments.size(); ++i)
    at[i] = layer.weight +
            segmentOffset(layout, i, layer.N, layer.spec->input.width);
  layer.linear(layer.coded, layer.y, floatRow(layer.N).stride(), nullptr,
               nullptr, layer.M, layer.N, worker, layer.workers, at[0], at[1],
               at[2], at[3]);
}

/// What the benchmarks of one setup share.
struct Bench {
  LinearProblem problem;
  std::shared_ptr<KernelLibrary> library;
  WeightStream weights;
  AlignedBytes x, coded, y;
  Layer layer = {};

  Bench(const Shape &shape, LinearProblem &&p,
        std::shared_ptr<KernelLibrary> kernels)
      : problem(std::move(p)), library(std::move(kernels)),
        weights(problem.weights, kStreamBytes),
        x(kMostTokens * floatRow(shape.K).stride()),
        coded(kMostTokens * problem.spec.input.stride()),
        y(kMostTokens * floatRow(shape.N).stride()) {
    std::vector<float> values = randomValues(kMostTokens * shape.K, 2);
    for (int64_t m = 0; m < kMostTokens; ++m)
      std::memcpy(x.data() + m * floatRow(shape.K).stride(),
                  values.data() + m * shape.K, size_t(4 * shape.K));
    layer.quantize = library->lookup<QuantizeFunction>("quantize");
    layer.linear = library->lookup<LinearProblem::Function>("linear");
    layer.spec = &problem.spec;
    layer.x = reinterpret_cast<const float *>(x.data());
    layer.coded = coded.data();
    layer.y = reinterpret_cast<float *>(y.data());
    layer.N = shape.N;
    layer.barrier = ThreadPool::barrier;
  }
};

Result<std::shared_ptr<Bench>> createBench(const Shape &shape,
                                           const Setup &setup) {
  const CpuTarget &target = *runnableTargets().front();
  LinearProblem problem = LinearProblem::create(
      setup.format, {setup.kind, shape.K, setup.group}, 1, shape.N, 1);
  auto activations =
      numerics::FormatRegistry::builtin().resolve(setup.activations);
  if (!activations)
    return activations.status();
  KernelSource quantize = {"quantize", [&](KernelBuilder &builder) {
                             return emitQuantizeKernel(builder, "quantize",
                                                       *activations,
                                                       problem.spec.input);
                           }};
  auto library =
      KernelLibrary::create(target, {problem.source(target), quantize});
  if (!library)
    return library.status();
  return std::make_shared<Bench>(shape, std::move(problem), *library);
}

void runTokens(benchmark::State &state, Bench &bench, ThreadPool &pool,
               int64_t tokens) {
  static const std::atomic<uint32_t> never{0};
  Layer &layer = bench.layer;
  layer.M = tokens;
  layer.pool = &pool;
  layer.workers = pool.workers();
  for (auto _ : state) {
    layer.weight = bench.weights.next();
    pool.run(runLayer, &layer, &never);
    benchmark::ClobberMemory();
  }
  state.counters["GOP/s"] = benchmark::Counter(
      2e-9 * double(tokens * bench.problem.depth() * layer.N),
      benchmark::Counter::kIsIterationInvariantRate);
}

/// Registers every setup at every number of tokens; the weights of a setup are
/// made when the first of its benchmarks runs, and kept.
void registerSetup(const Shape &shape, size_t index, ThreadPool &pool) {
  auto bench = std::make_shared<std::shared_ptr<Bench>>();
  for (int64_t tokens : kTokens) {
    std::string name =
        std::string(kNames[index]) + "/" + std::to_string(tokens);
    auto body = [=, &pool](benchmark::State &state) {
      if (!*bench) {
        auto created = createBench(shape, kSetups[index]);
        if (!created) {
          state.SkipWithError(created.status().message().c_str());
          return;
        }
        *bench = *created;
      }
      runTokens(state, **bench, pool, tokens);
    };
    benchmark::RegisterBenchmark(name.c_str(), body)->UseRealTime();
  }
}

} // namespace

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  Shape shape = {argc == 4 ? std::atoll(argv[1]) : 0,
                 argc == 4 ? std::atoll(argv[2]) : 0};
  int threads = argc == 4 ? std::atoi(argv[3]) : 0;
  if (shape.K < 128 || shape.K % 128 != 0 || shape.N < 1 || threads < 1) {
    std::fprintf(stderr,
                 "usage: %s K N THREADS [options]\nexpects K to be a "
                 "multiple of 128, and N and THREADS at least 1\n",
                 argv[0]);
    return 1;
  }
  int error = 0;
  ThreadPool *pool = ThreadPool::create(uint32_t(threads), true, error);
  if (!pool) {
    std::fprintf(stderr, "no threads: %s\n", std::strerror(error));
    return 1;
  }
  for (size_t i = 0; i < std::size(kSetups); ++i)
    registerSetup(shape, i, *pool);
  benchmark::RunSpecifiedBenchmarks();
  ThreadPool::destroy(pool);
  return 0;
}
