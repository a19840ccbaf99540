// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One register tile: loops over K, float products.

#include "MicroKernel.h"
#include "DotProducts.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

/// Steps of 4 K in a straight line of code before a loop takes over: enough to
/// hide the loop, few enough to compile fast.
static constexpr int64_t kUnrolledExactSteps = 4;

ValueRange MicroKernel::beginFunction(StringRef name, ArrayRef<Type> more) {
  if (auto found = integerElement(spec.weight.element))
    integer = *found;
  form = stepForm(spec, b.target);
  Type p = b.ptrType(), i = b.getI64Type();
  SmallVector<Type> types = {p, p, i, p, p, i};
  types.append(more.begin(), more.end());
  auto args = b.beginFunction(name, types).getArguments();
  x = args[0], y = args[1], yStride = args[2], bias = args[3];
  residual = args[4], columns = args[5];
  if (usesTiles() || usesPairTiles())
    allocateTiles();
  return args.drop_front(6);
}

void MicroKernel::emitPacked(StringRef name) {
  SmallVector<Type> types = {b.getI64Type()};
  types.append(shape.layout->segments.size(), b.ptrType());
  ValueRange args = beginFunction(name, types);
  Value lastPanel = b.add(args[0], b.div(b.sub(columns, b.i64(1)), kPanelRows));
  Values indices;
  for (int64_t n = 0; n < panels; ++n)
    indices.push_back(n == 0 ? Value(args[0])
                             : b.min(b.add(args[0], n), lastPanel));
  weights = std::make_unique<PackedWeights>(
      b, spec, shape, Values(args.drop_front(1)), indices);
  Values sums = accumulateTiles(b.i64(0), b.i64(wholeTiles()),
                                openSums(Values(rows * panels, b.splat(0))));
  if (wholeTiles() < shape.tiles)
    sums = accumulateCutTile(b.i64(wholeTiles()), sums);
  storeResults(closeSums(sums), /*isLast=*/true);
  b.endFunction();
}

void MicroKernel::emitDecoded(StringRef name, const DecodedShape &decoded) {
  ValueRange args =
      beginFunction(name, {b.ptrType(), b.getI64Type(), b.getI64Type()});
  Value first = args[1], end = args[2];
  prefetchResults();
  weights = std::make_unique<DecodedWeights>(b, spec, shape, decoded, panels,
                                             args[0], first);
  if (weights->isFolded())
    integer = *folded;
  // A loop that runs once or not at all, for a condition has no results here.
  auto ifPositive = [&](Value count, Values sums,
                        function_ref<Values(Values)> body) {
    return b.loop(
        b.i64(0), b.min(count, b.i64(1)), 1, sums,
        [&](Value, ValueRange carried) { return body(Values(carried)); });
  };
  Values sums = ifPositive(first, Values(rows * panels, b.splat(0)),
                           [&](Values) { return loadSums(); });
  Value whole = b.i64(wholeTiles());
  sums = accumulateTiles(first, b.min(end, whole), openSums(sums));
  if (wholeTiles() < shape.tiles)
    sums = ifPositive(b.sub(end, whole), sums, [&](Values carried) {
      return accumulateCutTile(whole, carried);
    });
  sums = closeSums(sums);
  if (!spec.hasEpilogue())
    storeResults(sums, /*isLast=*/false);
  else
    b.ifThenElse(
        b.equal(end, b.i64(shape.tiles)), [&] { storeResults(sums, true); },
        [&] { storeResults(sums, false); });
  b.endFunction();
}

int64_t MicroKernel::wholeTiles() const {
  bool isCut = shape.tiles * shape.tileDepth > spec.input.padded();
  return shape.tiles - (isCut ? 1 : 0);
}

MicroKernel::Values MicroKernel::accumulateTiles(Value first, Value end,
                                                 Values sums) {
  int64_t together = spanTiles(spec, shape);
  if (together == 1)
    return b.loop(first, end, 1, sums, [&](Value tile, ValueRange carried) {
      return accumulateTile(tile, walk.chunksOfTile(), Values(carried));
    });
  return b.loop(
      first, end, together, sums, [&](Value begin, ValueRange carried) {
        Values span = b.loop(begin, b.min(b.add(begin, together), end), 1,
                             openSpan(), [&](Value tile, ValueRange partial) {
                               return accumulateChunks(
                                   tile, walk.chunksOfTile(), Values(partial));
                             });
        return addSpan(Values(carried), span, b.mul(begin, shape.tileDepth));
      });
}

MicroKernel::Values MicroKernel::accumulateTile(Value tile, int64_t chunks,
                                                Values sums) {
  if (spec.input.kind != ActivationRow::Kind::Int8)
    return accumulateChunks(tile, chunks, sums);
  if (weights->isFolded())
    return walk.forSpans(tile, weights->tileAddresses(tile), chunks, sums,
                         [&](const PanelChunk &span, Values carried) {
                           return accumulateFoldedSpan(span, carried);
                         });
  return walk.forSpans(
      tile, weights->tileAddresses(tile), chunks, sums, openSpan(),
      [&](const PanelChunk &chunk, Values partial) {
        return accumulateChunk(chunk, partial);
      },
      [&](Values carried, Values partial, const PanelChunk &span) {
        return closeSpan(carried, partial, span);
      });
}

MicroKernel::Values MicroKernel::accumulateChunks(Value tile, int64_t chunks,
                                                  Values sums) {
  return walk.forChunks(tile, weights->tileAddresses(tile), chunks, 1, sums,
                        [&](ArrayRef<PanelChunk> one, Values carried) {
                          return accumulateChunk(one.front(), carried);
                        });
}

MicroKernel::Values MicroKernel::accumulateCutTile(Value tile, Values sums) {
  int64_t depth = walk.chunkDepth(), begin = wholeTiles() * shape.tileDepth;
  int64_t left = shape.depth - begin;
  int64_t chunks = (left + depth - 1) / depth;
  // A chunk that the edge of the weight cuts short may go on behind x. With
  // int8 activations there is none: chunks divide their groups, and those K.
  bool isLastShort = begin + chunks * depth > spec.input.padded();
  int64_t whole = chunks - (isLastShort ? 1 : 0);
  if (whole > 0)
    sums = accumulateTile(tile, whole, sums);
  if (!isLastShort)
    return sums;
  return accumulateChunk(walk.partOfChunk(tile, weights->tileAddresses(tile),
                                          whole, left - whole * depth),
                         sums);
}

MicroKernel::Values MicroKernel::accumulateChunk(const PanelChunk &chunk,
                                                 Values sums) {
  weights->prefetchBehind(chunk);
  ChunkScales scales = weights->scales(chunk);
  if (spec.input.kind != ActivationRow::Kind::Int8)
    return accumulateExact(chunk, scales, sums);
  return accumulateInteger(chunk, scales, sums);
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

Value MicroKernel::inputAddress(int64_t row, Value bytes) {
  return b.offset(b.offset(x, bytes), row * spec.input.stride());
}

Value MicroKernel::inputLanes(int64_t row, Value k, int64_t delta) {
  if (spec.input.kind == ActivationRow::Kind::F32)
    return b.broadcast(
        b.loadF32(b.offset(inputAddress(row, b.mul(k, 4)), 4 * delta)));
  Value half = b.load(b.getI16Type(),
                      b.offset(inputAddress(row, b.mul(k, 2)), 2 * delta), 2);
  VectorValues v(b, /*scalar=*/true);
  Value code = arith::ExtUIOp::create(b, b.getI32Type(), half);
  return b.broadcast(v.bitcastF(v.shiftLeft(code, 16)));
}

//===----------------------------------------------------------------------===//
// Float activations
//===----------------------------------------------------------------------===//

MicroKernel::Values MicroKernel::accumulateExact(const PanelChunk &chunk,
                                                 const ChunkScales &scales,
                                                 Values sums) {
  if (usesPairTiles()) {
    accumulatePairs(chunk, scales);
    return sums;
  }
  bool hasPairs = stepForm(spec, b.target) == StepForm::Bf16Pairs;
  return walk.forSteps(
      chunk, kUnrolledExactSteps, sums,
      [&](const PanelChunk &part, int64_t steps, Values partSums) {
        for (int64_t step = 0; step < steps; ++step)
          if (hasPairs)
            bf16Step(part, step, scales, partSums);
          else
            exactStep(part, step, scales, partSums);
        return partSums;
      });
}

void MicroKernel::exactStep(const PanelChunk &chunk, int64_t step,
                            const ChunkScales &scales, Values &sums) {
  Value k = walk.kOf(chunk);
  SmallVector<Values> operands;
  for (int64_t n = 0; n < panels; ++n)
    operands.push_back(weights->operands(chunk, scales, n, step));
  for (int64_t kk = 0; kk < 4; ++kk)
    for (int64_t m = 0; m < rows; ++m) {
      Value input = inputLanes(m, k, 4 * step + kk);
      for (int64_t n = 0; n < panels; ++n) {
        Value &sum = sums[m * panels + n];
        sum = b.multiplyAdd(input, operands[n][kk], sum);
      }
    }
}

void MicroKernel::bf16Step(const PanelChunk &chunk, int64_t step,
                           const ChunkScales &scales, Values &sums) {
  Value kBytes = b.mul(walk.kOf(chunk), 2);
  SmallVector<Values> pairs;
  for (int64_t n = 0; n < panels; ++n)
    pairs.push_back(weights->operands(chunk, scales, n, step));
  for (int64_t kk = 0; kk < 4; kk += 2)
    for (int64_t m = 0; m < rows; ++m) {
      Value address = b.offset(inputAddress(m, kBytes), 2 * (4 * step + kk));
      Value word = b.load(b.getI32Type(), address, 4);
      for (int64_t n = 0; n < panels; ++n) {
        Value &sum = sums[m * panels + n];
        sum = bf16Dot(b, sum, pairs[n][kk / 2], word);
      }
    }
}
