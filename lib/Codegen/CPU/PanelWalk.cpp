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

ValueList PanelWalk::forChunks(Value tile, const ValueList &addresses,
                               int64_t chunks, ValueList carried,
                               ChunkBody body) {
  int64_t depth = chunkDepth(), steps = depth / 4;
  // As many chunks as it takes for all pieces to be at a lane's start again.
  int64_t together = 1;
  while (together * steps % shape.stepPeriod != 0)
    ++together;
  if (chunks % together != 0 || chunks * steps <= kUnrolledSteps)
    together = chunks;
  auto run = [&](Value group, ValueList values) {
    for (int64_t c = 0; c < together; ++c) {
      PanelChunk chunk;
      chunk.tile = tile;
      chunk.tileAddresses = addresses;
      chunk.base = b.mul(group, together * steps / shape.stepPeriod);
      chunk.first = c * steps;
      chunk.steps = steps;
      chunk.kInTile = b.add(b.mul(group, together * depth), c * depth);
      values = body(chunk, values);
    }
    return values;
  };
  if (chunks == together)
    return run(b.i64(0), carried);
  return b.loop(b.i64(0), b.i64(chunks / together), 1, carried,
                [&](Value group, ValueRange values) {
                  return run(group, ValueList(values));
                });
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
