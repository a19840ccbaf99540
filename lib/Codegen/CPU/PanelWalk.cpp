// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Loops over the chunks of a tile and the steps of a chunk.

#include "PanelWalk.h"

#include <numeric>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// Steps of 4 K in a straight line of code before a loop takes over: enough to
/// hide the loop, few enough to compile fast.
static constexpr int64_t kUnrolledSteps = 16;

int64_t codegen::chunkDepth(const LinearSpec &spec, const PanelShape &shape) {
  if (spec.input.kind != ActivationRow::Kind::Int8)
    return shape.scaleDepth;
  return std::gcd(std::gcd(shape.scaleDepth, spec.input.group),
                  shape.tileDepth);
}

int64_t codegen::spanDepth(const LinearSpec &spec, const PanelShape &shape) {
  int64_t group = spec.input.group;
  return group % shape.tileDepth == 0 ? group
                                      : std::gcd(group, shape.tileDepth);
}

int64_t codegen::spanTiles(const LinearSpec &spec, const PanelShape &shape) {
  if (spec.input.kind != ActivationRow::Kind::Int8)
    return 1;
  return std::max<int64_t>(1, spanDepth(spec, shape) / shape.tileDepth);
}

int64_t PanelWalk::chunksOfSpan() const {
  return std::min(spanDepth(spec, shape), shape.tileDepth) / chunkDepth();
}

Value PanelWalk::kOf(const PanelChunk &chunk) {
  return b.add(b.mul(chunk.tile, shape.tileDepth), chunk.kInTile);
}

PanelChunk PanelWalk::partOfChunk(Value tile, const ValueList &addresses,
                                  int64_t index, int64_t depth) {
  PanelChunk chunk;
  chunk.tile = tile;
  chunk.tileAddresses = addresses;
  chunk.base = b.i64(0);
  chunk.first = index * chunkDepth() / 4;
  chunk.steps = (depth + 3) / 4;
  chunk.kInTile = b.i64(index * chunkDepth());
  return chunk;
}

SmallVector<PanelChunk> PanelWalk::chunksOf(Value tile,
                                            const ValueList &addresses,
                                            Value group, int64_t count) {
  int64_t depth = chunkDepth(), steps = depth / 4;
  SmallVector<PanelChunk> taken;
  for (int64_t c = 0; c < count; ++c) {
    PanelChunk chunk;
    chunk.tile = tile;
    chunk.tileAddresses = addresses;
    chunk.base = b.mul(group, count * steps / shape.stepPeriod);
    chunk.first = c * steps;
    chunk.steps = steps;
    chunk.kInTile = b.add(b.mul(group, count * depth), c * depth);
    taken.push_back(chunk);
  }
  return taken;
}

ValueList PanelWalk::forEach(
    int64_t count, ValueList carried,
    llvm::function_ref<ValueList(Value index, ValueList carried)> body) {
  if (count == 1)
    return body(b.i64(0), carried);
  return b.loop(b.i64(0), b.i64(count), 1, carried,
                [&](Value index, ValueRange values) {
                  return body(index, ValueList(values));
                });
}

ValueList PanelWalk::forChunks(Value tile, const ValueList &addresses,
                               int64_t chunks, int64_t together,
                               ValueList carried, ChunksBody body) {
  int64_t steps = chunkDepth() / 4;
  // As many chunks as it takes for all pieces to be at a lane's start again.
  int64_t straight = together;
  while (straight * steps % shape.stepPeriod != 0)
    straight += together;
  if (chunks % straight != 0 || chunks * steps <= kUnrolledSteps)
    straight = chunks;
  auto run = [&](Value group, ValueList values) {
    SmallVector<PanelChunk> taken = chunksOf(tile, addresses, group, straight);
    for (int64_t c = 0; c < straight; c += together)
      values = body(ArrayRef(taken).slice(c, together), values);
    return values;
  };
  return forEach(chunks / straight, carried, run);
}

ValueList PanelWalk::forSpans(Value tile, const ValueList &addresses,
                              int64_t chunks, ValueList carried,
                              const ValueList &zero, ChunkBody body,
                              SpanEnd close) {
  int64_t together = std::min(chunks, chunksOfSpan());
  int64_t steps = chunkDepth() / 4;
  int64_t straight = std::lcm(steps, shape.stepPeriod) / steps;
  auto fold = [&](ArrayRef<PanelChunk> taken, ValueList partial) {
    for (const PanelChunk &chunk : taken)
      partial = body(chunk, partial);
    return partial;
  };
  // Pieces are not at a lane's start where a span begins.
  if (together % straight != 0 || chunks % together != 0)
    return forChunks(tile, addresses, chunks, together, carried,
                     [&](ArrayRef<PanelChunk> span, ValueList values) {
                       return close(values, fold(span, zero), span.front());
                     });
  // A loop turn has few products on purpose: in a long straight line the
  // compiler loads activations long before they are used, and has no registers
  // left for sums.
  int64_t turns = together / straight;
  auto span = [&](Value index, ValueList values) {
    Value first = b.mul(index, turns);
    ValueList partial =
        b.loop(first, b.add(first, turns), 1, zero,
               [&](Value group, ValueRange before) {
                 return fold(chunksOf(tile, addresses, group, straight),
                             ValueList(before));
               });
    return close(values, partial,
                 chunksOf(tile, addresses, first, straight).front());
  };
  return forEach(chunks / together, carried, span);
}

ValueList PanelWalk::forSpans(Value tile, const ValueList &addresses,
                              int64_t chunks, ValueList carried,
                              ChunkBody body) {
  int64_t depth = chunkDepth() * std::min(chunks, chunksOfSpan());
  auto run = [&](Value index, ValueList values) {
    PanelChunk span = partOfChunk(tile, addresses, 0, depth);
    span.kInTile = b.mul(index, depth);
    return body(span, values);
  };
  return forEach(chunks * chunkDepth() / depth, carried, run);
}

ValueList PanelWalk::forSteps(const PanelChunk &chunk, int64_t most,
                              ValueList carried, StepsBody body) {
  int64_t steps = chunk.steps, period = shape.stepPeriod, run = 0;
  for (int64_t size = period; size <= std::max(most, period); size += period)
    if (steps % size == 0)
      run = size;
  if (run == 0 || run == steps || chunk.first % period != 0)
    return body(chunk, steps, carried);
  return b.loop(b.i64(0), b.i64(steps / run), 1, carried,
                [&](Value index, ValueRange values) {
                  PanelChunk part = chunk;
                  part.base = b.add(b.add(chunk.base, chunk.first / period),
                                    b.mul(index, run / period));
                  part.first = 0;
                  part.kInTile = b.add(chunk.kInTile, b.mul(index, 4 * run));
                  return body(part, run, ValueList(values));
                });
}
