// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Reading, encoding and packing weights, one at a time, in chunks of
// rows.
//
// Chunks are the unit of parallel work. Their borders depend on the tensor
// alone, no block of a format crosses one, and each fills bytes of its own, so
// that the result is the same for any number of threads.

#include "quern/Pack/FoldWeights.h"
#include "Message.h"
#include "PackedGlobal.h"
#include "WeightValues.h"
#include "quern/Numerics/AlignBlocks.h"
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <thread>

using namespace quern;
using namespace quern::pack;

/// Elements of a chunk, if the format allows to cut that fine: large enough to
/// hide the cost of starting one, small enough for its buffers to stay in
/// cache.
static constexpr int64_t chunkElements = 1 << 18;
/// Bytes that a thread needs for one element of its chunk: the value, its code,
/// and for a searching solver a second set of codes and both decoded.
static constexpr int64_t scratchPerElement = 32;

namespace {

struct WeightPlan {
  PackedTensor tensor;
  PackedGlobal packed;
  ValueRecipe recipe;
  int64_t chunkRows = 0;

  int64_t elements() const { return packed.shape.rows * packed.shape.cols; }
  int64_t chunks() const {
    return (packed.shape.rows + chunkRows - 1) / chunkRows;
  }
};

} // namespace

static int64_t chunkRowsOf(const PackedGlobal &packed,
                           const ValueRecipe &recipe) {
  auto [rows, cols] = packed.shape;
  int64_t grain = numerics::rowGrain(packed.layout, packed.format, rows);
  if (recipe.flat) {
    int64_t coded = numerics::codingGrain(*recipe.flat, rows, cols);
    grain = std::min(rows, std::lcm(grain, coded));
  }
  int64_t read = sourceGrainOf(recipe, packed.shape);
  grain = std::min(rows, std::lcm(grain, read));
  int64_t grains = std::max<int64_t>(1, chunkElements / cols / grain);
  return std::min(rows, grains * grain);
}

static Result<WeightPlan> planWeight(param::GlobalOp global) {
  auto packed = packedGlobalOf(global);
  if (!packed)
    return packed.status();
  auto recipe = recipeOf(global);
  if (!recipe)
    return recipe.status();
  PackedTensor tensor;
  tensor.name = global.getSymName().str();
  tensor.shape = global.getTensorType().getShape().vec();
  tensor.sourceType = textOf(sourceTypeOf(*recipe));
  tensor.format = numerics::printFormat(packed->format);
  tensor.layout = numerics::printLayout(packed->layout);
  tensor.bytes = numerics::layoutBytes(packed->layout, packed->shape.rows,
                                       packed->shape.cols);
  int64_t chunkRows = chunkRowsOf(*packed, *recipe);
  return WeightPlan{std::move(tensor), std::move(*packed), *recipe, chunkRows};
}

static Status inWeight(const std::string &name, const Status &status) {
  return status.withContext("weight '" + name + "'");
}

static Result<std::vector<WeightPlan>> planWeights(mlir::ModuleOp module) {
  std::vector<WeightPlan> plans;
  for (auto global : module.getOps<param::GlobalOp>()) {
    auto plan = planWeight(global);
    if (!plan)
      return inWeight(global.getSymName().str(), plan.status());
    plans.push_back(std::move(*plan));
  }
  return plans;
}

Result<std::vector<PackedTensor>> pack::describeWeights(mlir::ModuleOp module) {
  auto plans = planWeights(module);
  if (!plans)
    return plans.status();
  std::vector<PackedTensor> tensors;
  for (WeightPlan &plan : *plans)
    tensors.push_back(std::move(plan.tensor));
  return tensors;
}

Result<int64_t> pack::predictPeakBytes(mlir::ModuleOp module,
                                       const FoldOptions &options) {
  auto plans = planWeights(module);
  if (!plans)
    return plans.status();
  int64_t peak = 0;
  for (const WeightPlan &plan : *plans) {
    int64_t threads =
        std::min<int64_t>(std::max(1u, options.threads), plan.chunks());
    int64_t scratch =
        threads * plan.chunkRows * plan.packed.shape.cols * scratchPerElement;
    int64_t mapped = sourceBytesOf(plan.recipe, plan.packed.shape);
    peak = std::max(peak, plan.tensor.bytes + mapped + scratch);
  }
  return peak;
}

namespace {

/// The chunks of one weight, shared by the threads that work on them.
class ChunkQueue {
public:
  ChunkQueue(const WeightPlan &plan, const WeightValues &values,
             Span<uint8_t> bytes, std::function<void(int64_t)> done)
      : plan(plan), values(values), bytes(bytes), done(std::move(done)) {}

  Status run(unsigned threads) {
    int64_t workers = std::min<int64_t>(threads, plan.chunks());
    std::vector<std::thread> others;
    for (int64_t i = 1; i < workers; ++i)
      others.emplace_back([this] { work(); });
    work();
    for (std::thread &other : others)
      other.join();
    return firstError;
  }

private:
  void work() {
    while (!failed) {
      int64_t chunk = next++;
      if (chunk >= plan.chunks())
        return;
      Status status = fold(chunk);
      std::lock_guard<std::mutex> lock(mutex);
      if (status) {
        done(rowsOf(chunk) * plan.packed.shape.cols);
        continue;
      }
      // Chunks are taken in order, so all before the first bad one have been
      // taken too: which error is reported does not depend on timing.
      failed = true;
      if (firstError.isOk() || chunk < errorChunk) {
        firstError = status;
        errorChunk = chunk;
      }
    }
  }

  int64_t rowsOf(int64_t chunk) const {
    return std::min(plan.chunkRows,
                    plan.packed.shape.rows - chunk * plan.chunkRows);
  }

  Status fold(int64_t chunk) {
    const PackedGlobal &packed = plan.packed;
    int64_t begin = chunk * plan.chunkRows;
    int64_t end = begin + rowsOf(chunk);
    auto coded = plan.recipe.takesCodes ? take(begin, end) : encode(begin, end);
    if (!coded)
      return coded.status();
    return numerics::packRows(packed.layout, packed.format, packed.shape.rows,
                              packed.shape.cols, begin, *coded, bytes);
  }

  /// Codes as the container holds them.
  Result<numerics::CodedTensor> take(int64_t begin, int64_t end) {
    auto coded = values.codes()->read(begin, end);
    const numerics::Format &stored = values.codes()->format();
    if (coded && stored != plan.packed.format)
      coded = numerics::alignCodes(stored, plan.packed.format, *coded);
    return coded;
  }

  /// Codes that the recipe's solver chooses.
  Result<numerics::CodedTensor> encode(int64_t begin, int64_t end) {
    const PackedGlobal &packed = plan.packed;
    int64_t cols = packed.shape.cols, rows = end - begin;
    std::vector<float> numbers(static_cast<size_t>(rows * cols));
    if (Status status = values.read(begin, end, Span<float>(numbers)); !status)
      return status;
    numerics::EncodeOptions options;
    options.solver = plan.recipe.solver;
    options.firstRow = begin;
    options.columnWeights = values.columnWeights();
    const std::optional<numerics::Format> &flat = plan.recipe.flat;
    auto coded =
        numerics::encodeRows(flat ? *flat : packed.format,
                             Span<const float>(numbers), rows, cols, options);
    if (coded && flat)
      coded = numerics::alignCodes(*flat, packed.format, *coded);
    return coded;
  }

  const WeightPlan &plan;
  const WeightValues &values;
  Span<uint8_t> bytes;
  std::function<void(int64_t)> done; ///< called with elements, under `mutex`
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  Status firstError;
  int64_t errorChunk = 0;
};

struct Free {
  void operator()(void *memory) const { std::free(memory); }
};

} // namespace

static Status foldWeight(const WeightPlan &plan,
                         const weights::WeightSource &source,
                         const PackedSink &sink, unsigned threads,
                         std::function<void(int64_t)> done) {
  auto values = WeightValues::open(plan.packed, plan.recipe, source);
  if (!values)
    return values.status();
  size_t size = size_t(plan.tensor.bytes);
  std::unique_ptr<uint8_t[], Free> memory(
      static_cast<uint8_t *>(std::calloc(size, 1)));
  if (!memory)
    return Status::error(StatusCode::OutOfMemory,
                         "expects " + std::to_string(size) +
                             " bytes for the packed tensor, but got none");
  Span<uint8_t> bytes(memory.get(), size);
  ChunkQueue queue(plan, *values, bytes, std::move(done));
  if (Status status = queue.run(threads); !status)
    return status;
  values->release();
  return sink(plan.tensor, bytes);
}

Status pack::foldWeights(mlir::ModuleOp module,
                         const weights::WeightSource &source,
                         const PackedSink &sink, const FoldOptions &options) {
  auto plans = planWeights(module);
  if (!plans)
    return plans.status();
  int64_t total = 0, folded = 0;
  for (const WeightPlan &plan : *plans)
    total += plan.elements();
  auto done = [&](int64_t elements) {
    folded += elements;
    if (options.progress)
      options.progress(folded, total);
  };
  for (const WeightPlan &plan : *plans)
    if (Status status =
            foldWeight(plan, source, sink, std::max(1u, options.threads), done);
        !status)
      return inWeight(plan.tensor.name, status);
  return Status::ok();
}
