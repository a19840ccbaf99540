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
#include "WeightStream.h"
#include "quern/Codegen/CPU/Kernels.h"
#include <benchmark/benchmark.h>

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

/// Memory of zeros, as aligned as that of a model.
WeightStream zeros(int64_t bytes) {
  return WeightStream(std::vector<uint8_t>(bytes));
}

/// Keys and values of `tokens` tokens as the cache holds them.
std::vector<uint8_t> makeLayer(const KernelLibrary &library,
                               const AttentionSpec &spec, int64_t tokens) {
  ActivationRow row{ActivationRow::Kind::F32, kKeyHeads * kHeadDim, 0};
  RowBuffer keys(row, tokens), values(row, tokens);
  keys.assign(randomValues(tokens * row.width, 2));
  values.assign(randomValues(tokens * row.width, 3));
  WeightStream scratch = zeros(appendScratchBytes(spec.cache));
  int64_t bytes = tokens * (spec.cache.keyBytesPerToken() +
                            spec.cache.valueBytesPerToken());
  WeightStream layer = zeros(bytes);
  library.call("append", keys.data(), values.data(), layer.first(),
               scratch.first(), tokens, int64_t(0), tokens, int64_t(0),
               int64_t(1));
  return {layer.first(), layer.first() + bytes};
}

void runAttention(benchmark::State &state, const Setup &setup) {
  AttentionSpec spec = specOf(setup);
  auto library = KernelLibrary::create(*setup.target, sourcesOf(spec));
  if (!library) {
    state.SkipWithError(library.status().message().c_str());
    return;
  }
  int64_t context = setup.context, tokens = setup.tokens;
  std::vector<uint8_t> layer = makeLayer(**library, spec, context);
  WeightStream layers(layer, tokens == 1 ? kStreamBytes : 0);
  ActivationRow row{ActivationRow::Kind::F32, kQueryHeads * kHeadDim, 0};
  RowBuffer query(row, tokens), output(row, tokens);
  query.assign(randomValues(tokens * row.width, 1));
  WeightStream scratch = zeros(spec.scratchBytes());
  WeightStream partials =
      zeros(spec.partialBytes() + context * spec.partialBytesPerToken());
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
      Counter(1e-9 * double(layer.size()), Counter::kIsIterationInvariantRate);
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
