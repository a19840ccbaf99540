// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Speed of the attention kernel on one thread.
//
// 32 query heads over 8 key heads of 64 columns. One token over layers of more
// bytes than caches hold: read bandwidth. 512 tokens: arithmetic. Names are
// attention/<isa>/<cache format>/<tokens>/<context>, the context with the
// tokens. The counter GB/s is of the layer's keys and values, GFLOP/s of both
// products, of keys that a token sees.

#include "KernelHarness.h"
#include "LinearProblem.h"
#include "MachinePeaks.h"
#include "RowBuffer.h"
#include "quern/Codegen/CPU/Kernels.h"
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <sys/mman.h>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

constexpr int64_t kHeadDim = 64, kQueryHeads = 32, kKeyHeads = 8;
constexpr size_t kStreamBytes = 512u << 20;

struct Setup {
  const CpuTarget *target;
  std::string format; ///< of the cache
  int64_t tokens, context;
};

AttentionSpec specOf(const Setup &setup) {
  AttentionSpec spec;
  spec.cache = {1, kKeyHeads, kHeadDim,
                *numerics::FormatRegistry::builtin().resolve(setup.format)};
  spec.queryHeads = kQueryHeads;
  spec.scale = 0.125f;
  return spec;
}

std::vector<KernelSource> sourcesOf(const AttentionSpec &spec) {
  return {{"append",
           [=](KernelBuilder &b) {
             return emitKvAppendKernel(b, "append", spec.cache);
           }},
          {"attention",
           [=](KernelBuilder &b) {
             emitAttentionKernel(b, "attention", spec);
             return Status::ok();
           }},
          {"merge", [=](KernelBuilder &b) {
             emitAttentionMergeKernel(b, "merge", spec);
             return Status::ok();
           }}};
}

/// Layers of a cache, or any memory as aligned as theirs: one after another in
/// huge pages, equal to the first.
class Layers {
public:
  explicit Layers(int64_t bytes, size_t totalBytes = 0)
      : step(bytes), copies(std::max<size_t>(1, totalBytes / step)) {
    size_t all = (step * copies + (2u << 20) - 1) >> 21 << 21;
    memory = static_cast<uint8_t *>(std::aligned_alloc(2u << 20, all));
    madvise(memory, all, MADV_HUGEPAGE);
  }
  Layers(const Layers &) = delete;
  ~Layers() { std::free(memory); }

  uint8_t *first() { return memory; }
  void copyFirst() {
    for (size_t i = 1; i < copies; ++i)
      std::copy_n(memory, step, memory + i * step);
  }
  uint8_t *next() {
    at = at + 1 == copies ? 0 : at + 1;
    return memory + at * step;
  }

private:
  size_t step, copies, at = 0;
  uint8_t *memory;
};

void fillLayer(const KernelLibrary &library, const AttentionSpec &spec,
               int64_t tokens, uint8_t *layer) {
  ActivationRow row{ActivationRow::Kind::F32, kKeyHeads * kHeadDim, 0};
  RowBuffer keys(row, tokens), values(row, tokens);
  keys.assign(randomValues(tokens * row.width, 2));
  values.assign(randomValues(tokens * row.width, 3));
  std::vector<uint8_t> scratch(appendScratchBytes(spec.cache));
  library.call("append", keys.data(), values.data(), layer, scratch.data(),
               tokens, int64_t(0), tokens, int64_t(0), int64_t(1));
}

void runAttention(benchmark::State &state, const Setup &setup) {
  AttentionSpec spec = specOf(setup);
  auto library = KernelLibrary::create(*setup.target, sourcesOf(spec));
  if (!library) {
    state.SkipWithError(library.status().message().c_str());
    return;
  }
  int64_t context = setup.context, tokens = setup.tokens;
  int64_t bytes = context * (spec.cache.keyBytesPerToken() +
                             spec.cache.valueBytesPerToken());
  Layers layers(bytes, tokens == 1 ? kStreamBytes : 0);
  fillLayer(**library, spec, context, layers.first());
  layers.copyFirst();
  ActivationRow row{ActivationRow::Kind::F32, kQueryHeads * kHeadDim, 0};
  RowBuffer query(row, tokens), output(row, tokens);
  query.assign(randomValues(tokens * row.width, 1));
  Layers scratch(spec.scratchBytes());
  Layers partials(spec.partialBytes() + context * spec.partialBytesPerToken());
  int64_t position = context - tokens, worker = 0, workers = 1;
  bool isSplit = tokens == 1 && context > kAttentionChunk;
  for (auto _ : state) {
    (*library)->call("attention", query.data(), output.data(), layers.next(),
                     scratch.first(), partials.first(), tokens, position,
                     context, worker, workers);
    if (isSplit)
      (*library)->call("merge", output.data(), partials.first(), position,
                       worker, workers);
    benchmark::ClobberMemory();
  }
  using benchmark::Counter;
  double seen = double(tokens) * (double(position) + double(tokens + 1) / 2);
  state.counters["GB/s"] =
      Counter(1e-9 * double(bytes), Counter::kIsIterationInvariantRate);
  state.counters["GFLOP/s"] =
      Counter(4e-9 * seen * double(kQueryHeads * kHeadDim),
              Counter::kIsIterationInvariantRate);
}

void registerAttention(const CpuTarget &target, const std::string &format) {
  const std::pair<int64_t, int64_t> sizes[] = {
      {1, 512}, {1, 4096}, {2, 4096}, {8, 4096}, {512, 512}, {512, 4096}};
  for (auto [tokens, context] : sizes) {
    Setup setup{&target, format, tokens, context};
    std::string name = "attention/" + target.isa + "/" + format + "/" +
                       std::to_string(tokens) + "/" + std::to_string(context);
    benchmark::RegisterBenchmark(name.c_str(), [setup](
                                                   benchmark::State &state) {
      runAttention(state, setup);
    })->Unit(benchmark::kMicrosecond);
  }
}

} // namespace

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  registerPeaks();
  for (const CpuTarget *target : runnableTargets())
    for (const char *format : {"f16", "f32", "int8_g32", "int4_g32_asym"})
      registerAttention(*target, format);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
