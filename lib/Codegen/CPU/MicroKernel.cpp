// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One register tile: loops over K, scales, stores.

#include "MicroKernel.h"
#include "DotProducts.h"

#include "quern/Numerics/Decode.h"
#include <numeric>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

/// Steps of 4 K in a straight line of code before a loop takes over: enough to
/// hide the loop, few enough to compile fast.
static constexpr int64_t kUnrolledSteps = 16;
static constexpr int64_t kUnrolledExactSteps = 4;

int64_t MicroKernel::chunkDepth() const {
  if (spec.input.kind != ActivationRow::Kind::Int8)
    return shape.scaleDepth;
  return std::gcd(std::gcd(shape.scaleDepth, spec.input.group),
                  shape.tileDepth);
}

void MicroKernel::emit(StringRef name) {
  if (auto found = integerElement(spec.weight.element))
    integer = *found;
  Type p = b.ptrType(), i = b.getI64Type();
  SmallVector<Type> types = {p, p, i, p, p, i, i};
  types.append(shape.layout->segments.size(), p);
  auto function = b.beginFunction(name, types);
  auto args = function.getArguments();
  x = args[0], y = args[1], yStride = args[2], bias = args[3];
  residual = args[4], columns = args[5];
  if (usesTiles())
    allocateTiles();
  Value lastPanel = b.add(args[6], b.div(b.sub(columns, b.i64(1)), kPanelRows));
  for (int64_t n = 0; n < panels; ++n)
    at.push_back({SmallVector<Value>(args.begin() + 7, args.end()),
                  n == 0 ? args[6] : b.min(b.add(args[6], n), lastPanel)});
  // A last tile that reaches past the padding of x is cut to what exists.
  int64_t chunks = shape.tileDepth / chunkDepth(), tiles = shape.tiles;
  bool isCut = tiles * shape.tileDepth > spec.input.padded();
  int64_t whole = isCut ? tiles - 1 : tiles;
  Values sums(rows * panels, b.splat(0));
  sums = b.loop(b.i64(0), b.i64(whole), 1, sums,
                [&](Value tile, ValueRange carried) {
                  return accumulateTile(tile, chunks, Values(carried));
                });
  if (isCut) {
    int64_t left = shape.depth - whole * shape.tileDepth;
    int64_t leftChunks = (left + chunkDepth() - 1) / chunkDepth();
    int64_t reach = whole * shape.tileDepth + leftChunks * chunkDepth();
    // A chunk that the edge of the weight cuts short may go on behind x.
    bool isLastShort = reach > spec.input.padded();
    int64_t wholeChunks = leftChunks - (isLastShort ? 1 : 0);
    if (wholeChunks > 0)
      sums = accumulateTile(b.i64(whole), wholeChunks, sums);
    if (isLastShort)
      sums = accumulateLastChunk(b.i64(whole), wholeChunks,
                                 left - wholeChunks * chunkDepth(), sums);
  }
  storeResults(sums);
  b.endFunction();
}

MicroKernel::Values MicroKernel::accumulateLastChunk(Value tile, int64_t index,
                                                     int64_t depth,
                                                     Values sums) {
  Chunk chunk;
  chunk.tile = tile;
  for (const PanelPointers &panel : at)
    chunk.tileAddresses.push_back(reader.tileAddress(panel, tile));
  chunk.base = b.i64(0);
  chunk.first = index * chunkDepth() / 4;
  chunk.steps = (depth + 3) / 4;
  chunk.kInTile = b.i64(index * chunkDepth());
  return accumulateChunk(chunk, sums);
}

MicroKernel::Values MicroKernel::accumulateTile(Value tile, int64_t chunks,
                                                Values sums) {
  int64_t depth = chunkDepth(), steps = depth / 4;
  Values addresses;
  for (const PanelPointers &panel : at)
    addresses.push_back(reader.tileAddress(panel, tile));
  // As many chunks as it takes for all pieces to be at a lane's start again.
  int64_t together = 1;
  while (together * steps % shape.stepPeriod != 0)
    ++together;
  if (chunks % together != 0 || chunks * steps <= kUnrolledSteps)
    together = chunks;
  auto run = [&](Value group, Values sums) {
    for (int64_t c = 0; c < together; ++c) {
      Chunk chunk;
      chunk.tile = tile;
      chunk.tileAddresses = addresses;
      chunk.base = b.mul(group, together * steps / shape.stepPeriod);
      chunk.first = c * steps;
      chunk.steps = steps;
      chunk.kInTile = b.add(b.mul(group, together * depth), c * depth);
      sums = accumulateChunk(chunk, sums);
    }
    return sums;
  };
  if (chunks == together)
    return run(b.i64(0), sums);
  return b.loop(b.i64(0), b.i64(chunks / together), 1, sums,
                [&](Value group, ValueRange carried) {
                  return run(group, Values(carried));
                });
}

MicroKernel::Values MicroKernel::forSteps(const Chunk &chunk, int64_t most,
                                          Values carried, StepsBody body) {
  int64_t steps = chunk.steps, period = shape.stepPeriod, run = 0;
  for (int64_t size = period; size <= std::max(most, period); size += period)
    if (steps % size == 0)
      run = size;
  if (run == 0 || run == steps || chunk.first % period != 0)
    return body(chunk, steps, carried);
  return b.loop(b.i64(0), b.i64(steps / run), 1, carried,
                [&](Value index, ValueRange values) {
                  Chunk part = chunk;
                  part.base = b.add(b.add(chunk.base, chunk.first / period),
                                    b.mul(index, run / period));
                  part.first = 0;
                  part.kInTile = b.add(chunk.kInTile, b.mul(index, 4 * run));
                  return body(part, run, Values(values));
                });
}

MicroKernel::Values MicroKernel::accumulateChunk(const Chunk &chunk,
                                                 Values sums) {
  Scales scales = decodeScales(chunk);
  return spec.input.kind == ActivationRow::Kind::Int8
             ? accumulateInteger(chunk, scales, sums)
             : accumulateExact(chunk, scales, sums);
}

MicroKernel::Scales MicroKernel::decodeScales(const Chunk &chunk) {
  Scales result{Values(panels), Values(panels)};
  const Format &format = spec.weight;
  if (!format.isScaled())
    return result;
  std::vector<Plane> planes = planesOf(format);
  VectorValues v(b);
  for (int64_t n = 0; n < panels; ++n) {
    auto codeOf = [&](const std::string &path) {
      auto plane =
          llvm::find_if(planes, [&](const Plane &p) { return p.path == path; });
      return reader.planeLanes(at[n], *plane, chunk.tile,
                               chunk.tileAddresses[n], chunk.kInTile);
    };
    result.scale[n] = decodeValue(v, *format.scale, codeOf, "scale");
    // A dot product is multiplied.
    if (format.dividesByScale && spec.input.kind == ActivationRow::Kind::Int8)
      result.scale[n] = v.divF(v.constF32(1), result.scale[n]);
    if (format.offset)
      result.offset[n] = decodeValue(v, *format.offset, codeOf,
                                     offsetKeyword(format.offsetKind));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

Value MicroKernel::kOf(const Chunk &chunk) {
  return b.add(b.mul(chunk.tile, shape.tileDepth), chunk.kInTile);
}

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

/// Nearest even bfloat16, as a float.
static Value roundToBf16(VectorValues &v, Value w) {
  Value bits = v.bitcastI(w);
  Value odd = v.andI(v.shiftRightLogical(bits, 16), v.constI32(1));
  bits = v.addI(bits, v.addI(odd, v.constI32(0x7fff)));
  return v.bitcastF(v.andI(bits, v.constI32(int32_t(0xffff0000u))));
}

MicroKernel::Values MicroKernel::accumulateExact(const Chunk &chunk,
                                                 const Scales &scales,
                                                 Values sums) {
  return forSteps(chunk, kUnrolledExactSteps, sums,
                  [&](const Chunk &part, int64_t steps, Values partSums) {
                    for (int64_t step = 0; step < steps; ++step)
                      if (usesBf16Dot())
                        bf16Step(part, step, scales, partSums);
                      else
                        exactStep(part, step, scales, partSums);
                    return partSums;
                  });
}

PanelStep MicroKernel::panelStep(const Chunk &chunk, int64_t panel,
                                 int64_t step) {
  int64_t position = chunk.first + step;
  return {&at[panel],
          chunk.tile,
          chunk.tileAddresses[panel],
          b.add(chunk.base, position / shape.stepPeriod),
          position % shape.stepPeriod,
          b.add(chunk.kInTile, 4 * step)};
}

SmallVector<SmallVector<Value, 4>> MicroKernel::stepElements(const Chunk &chunk,
                                                             int64_t step) {
  SmallVector<SmallVector<Value, 4>> elements;
  for (int64_t n = 0; n < panels; ++n)
    elements.push_back(reader.elementLanes(panelStep(chunk, n, step)));
  return elements;
}

Value MicroKernel::scaledWeight(Value element, const Scales &scales,
                                int64_t panel) {
  VectorValues v(b);
  return applyScale(v, spec.weight, element, scales.scale[panel],
                    scales.offset[panel]);
}

void MicroKernel::exactStep(const Chunk &chunk, int64_t step,
                            const Scales &scales, Values &sums) {
  VectorValues v(b);
  Value k = kOf(chunk);
  auto elements = stepElements(chunk, step);
  for (int64_t kk = 0; kk < 4; ++kk) {
    Values weights;
    for (int64_t n = 0; n < panels; ++n) {
      Value w = scaledWeight(elements[n][kk], scales, n);
      weights.push_back(spec.roundToBf16 ? roundToBf16(v, w) : w);
    }
    for (int64_t m = 0; m < rows; ++m) {
      Value input = inputLanes(m, k, 4 * step + kk);
      for (int64_t n = 0; n < panels; ++n) {
        Value &sum = sums[m * panels + n];
        sum = b.multiplyAdd(input, weights[n], sum);
      }
    }
  }
}

void MicroKernel::bf16Step(const Chunk &chunk, int64_t step,
                           const Scales &scales, Values &sums) {
  Value kBytes = b.mul(kOf(chunk), 2);
  auto elements = stepElements(chunk, step);
  for (int64_t kk = 0; kk < 4; kk += 2) {
    Values pairs;
    for (int64_t n = 0; n < panels; ++n)
      pairs.push_back(bf16Pairs(b, scaledWeight(elements[n][kk], scales, n),
                                scaledWeight(elements[n][kk + 1], scales, n)));
    for (int64_t m = 0; m < rows; ++m) {
      Value address = b.offset(inputAddress(m, kBytes), 2 * (4 * step + kk));
      Value word = b.load(b.getI32Type(), address, 4);
      for (int64_t n = 0; n < panels; ++n) {
        Value &sum = sums[m * panels + n];
        sum = bf16Dot(b, sum, pairs[n], word);
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void MicroKernel::storeResults(const Values &sums) {
  for (int64_t n = 0; n < panels; ++n) {
    Value left = b.sub(columns, b.i64(n * kPanelRows));
    auto store = [&](bool whole) {
      for (int64_t m = 0; m < rows; ++m) {
        Value at = b.add(b.mul(yStride, m), 64 * n);
        auto read = [&](Value pointer) {
          return whole ? b.loadVector(pointer)
                       : b.loadVectorPart(pointer, left);
        };
        Value sum = sums[m * panels + n];
        if (spec.hasBias)
          sum = b.addF(sum, read(b.offset(bias, 64 * n)));
        if (spec.hasResidual) {
          Value from = spec.residualStride == 0
                           ? at
                           : b.i64(spec.residualStride * m + 64 * n);
          sum = b.addF(sum, read(b.offset(residual, from)));
        }
        if (whole)
          b.store(sum, b.offset(y, at), 4);
        else
          b.storeVectorPart(sum, b.offset(y, at), left);
      }
    };
    b.ifThenElse(
        b.lessEqual(b.i64(kPanelRows), left), [&] { store(true); },
        [&] { store(false); });
  }
}
