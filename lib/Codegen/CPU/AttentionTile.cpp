// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attention of several query rows over a tile of keys and values.
//
// Softmax over keys that come a tile at a time: Milakov and Gimelshein, "Online
// normalizer calculation for softmax"; the tiles: Dao et al., "FlashAttention".

#include "AttentionTile.h"

#include "quern/Codegen/CPU/MathFunctions.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// Query rows for which a tile of keys and values is decoded once.
static constexpr int64_t kQueryRows = 64;
/// Stands for a score that the mask forbids; far below any real one.
static constexpr float kMasked = -1e30f;
constexpr int64_t kTileVectors = kTileKeys / kLanes;

AttentionMemory::AttentionMemory(const AttentionSpec &spec)
    : columns(llvm::alignTo(spec.cache.headDim, kLanes)),
      tokens(std::max<int64_t>(1, kQueryRows / spec.headsTogether())),
      rows(llvm::alignTo(tokens * spec.headsTogether(), kRowStep)), bytes(0) {
  auto allocate = [&](int64_t size) {
    int64_t at = bytes;
    bytes += llvm::alignTo(size, 64);
    return at;
  };
  // Rows are zeroed by whole vectors, the last one past the end.
  queries = allocate(4 * (rows * spec.cache.headDim + kLanes));
  scores = allocate(4 * rows * kTileKeys);
  partials = allocate(rows * stateBytes());
  totals = allocate(rows * stateBytes());
  keys = allocate(4 * spec.cache.headDim * kTileKeys);
  values = allocate(4 * columns * kTileKeys);
}

int64_t AttentionSpec::scratchBytes() const {
  return AttentionMemory(*this).bytes;
}

int64_t AttentionSpec::partialBytes() const {
  return queryHeads * AttentionMemory(*this).stateBytes();
}

int64_t AttentionSpec::partialBytesPerToken() const {
  return llvm::divideCeil(partialBytes(), kAttentionChunk);
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

void AttentionTile::clear(Value states, Value count) {
  Value bytes = b.mul(count, memory.stateBytes());
  b.loop(b.i64(0), bytes, 4 * kLanes,
         [&](Value at) { b.store(b.splat(0), b.offset(states, at), 4); });
  b.loop(b.i64(0), count, 1, [&](Value row) {
    Value at = b.add(b.mul(row, memory.stateBytes()), memory.maximumOffset());
    b.store(b.f32(kMasked), b.offset(states, at), 4);
  });
}

void AttentionTile::merge(Value total, Value partial) {
  auto maximum = [&](Value state) {
    return b.offset(state, memory.maximumOffset());
  };
  Value before = b.loadF32(maximum(total)), other = b.loadF32(maximum(partial));
  Value largest = b.maxF(before, other);
  Value ours = b.broadcast(exponential(b.subF(before, largest)));
  Value theirs = b.broadcast(exponential(b.subF(other, largest)));
  // The sum of weights follows the weighted sum.
  for (int64_t at = 0; at <= memory.sumOffset(); at += 4 * kLanes) {
    Value scaled = b.mulF(b.loadVector(b.offset(total, at)), ours);
    Value added = b.loadVector(b.offset(partial, at));
    b.store(b.multiplyAdd(added, theirs, scaled), b.offset(total, at), 4);
  }
  b.store(largest, maximum(total), 4);
}

void AttentionTile::finish(Value state, Value output) {
  Value sum = b.sumLanes(b.loadVector(b.offset(state, memory.sumOffset())));
  sum = b.broadcast(sum);
  int64_t width = spec.cache.headDim;
  for (int64_t column = 0; column < width; column += kLanes) {
    Value total = b.loadVector(b.offset(state, 4 * column));
    Value address = b.offset(output, 4 * column), result = b.divF(total, sum);
    if (width - column >= kLanes)
      b.store(result, address, 4);
    else
      b.storeVectorPart(result, address, b.i64(width - column));
  }
}

//===----------------------------------------------------------------------===//
// Scores and weights
//===----------------------------------------------------------------------===//

void AttentionTile::forRowTiles(const QueryRows &rows,
                                function_ref<void(int64_t, Value)> body) {
  int64_t most = std::min<int64_t>(b.target.tileRows, kRowStep);
  if (rows.fixedCount == 0)
    return b.loop(b.i64(0), rows.count, most,
                  [&](Value first) { body(most, first); });
  for (int64_t first = 0; first < rows.fixedCount; first += most)
    body(std::min(most, rows.fixedCount - first), b.i64(first));
}

/// Products of `n` query rows with the tile's keys.
void AttentionTile::scoreRows(const QueryRows &rows, int64_t n, Value first,
                              Value count, KeySource keys) {
  int64_t registers = b.target.tileRows * b.target.tilePanels;
  int64_t vectors = std::clamp<int64_t>(registers / n, 1, kTileVectors);
  vectors = llvm::bit_floor(uint64_t(vectors)); // divides kTileVectors
  int64_t stride = 4 * spec.cache.headDim;
  Value query = b.offset(rows.query, b.mul(first, stride));
  b.loop(b.i64(0), b.divCeil(count, kLanes), vectors, [&](Value block) {
    Values sums(n * vectors, b.splat(0));
    auto multiply = [&](Value column, ValueRange key, ValueRange before) {
      Value at = b.mul(column, 4);
      Values next;
      for (int64_t r = 0; r < n; ++r) {
        Value address = b.offset(b.offset(query, r * stride), at);
        Value q = b.broadcast(b.loadF32(address));
        for (int64_t i = 0; i < vectors; ++i)
          next.push_back(b.multiplyAdd(q, key[i], before[r * vectors + i]));
      }
      return next;
    };
    sums = keys(block, vectors, sums, multiply);
    for (int64_t r = 0; r < n; ++r) {
      Value to = b.offset(scoreRow(b.add(first, r)), b.mul(block, 4 * kLanes));
      for (int64_t i = 0; i < vectors; ++i)
        b.store(sums[r * vectors + i], b.offset(to, 4 * kLanes * i), 4);
    }
  });
}

/// The scaled scores at `scores`, of which `seen` lie up to the row's position.
SmallVector<Value> AttentionTile::maskedScores(Value scores, Value seen) {
  Values result;
  for (int64_t i = 0; i < kTileVectors; ++i) {
    Value score = b.loadVector(b.offset(scores, 4 * kLanes * i));
    score = b.mulF(score, b.splat(spec.scale));
    if (spec.softcap > 0)
      score = applySoftcap(b, score, spec.softcap);
    Value here = b.sub(seen, b.i64(kLanes * i));
    score = v.selectF(b.laneMask(here), score, b.splat(kMasked));
    if (spec.window > 0) {
      Value hidden = b.laneMask(b.sub(here, b.i64(spec.window)));
      score = v.selectF(hidden, b.splat(kMasked), score);
    }
    result.push_back(score);
  }
  return result;
}

/// e^x for x <= 0, relative error below 2^-22; below -87.3 as there.
Value AttentionTile::exponential(Value x) {
  VectorValues values(b, !isa<VectorType>(x.getType()));
  auto constant = [&](float number) { return values.constF32(number); };
  // KernelBuilder::exp with products fused into sums, and 2^n put into the
  // exponent of e^r, which is normal since n >= -126.
  x = b.maxF(x, constant(-87.3f));
  Value magic = constant(12582912.0f); // 1.5 * 2^23 leaves round(x) in its bits
  Value shifted = b.multiplyAdd(x, constant(1.44269504088896341f), magic);
  Value n = b.subF(shifted, magic);
  Value r = b.multiplyAdd(n, constant(-0.693359375f), x);
  r = b.multiplyAdd(n, constant(2.12194440e-4f), r);
  Value p = constant(1.9875691500e-4f);
  for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                  1.6666665459e-1f, 5.0000001201e-1f})
    p = b.multiplyAdd(p, r, constant(c));
  p = b.addF(b.multiplyAdd(p, b.mulF(r, r), r), constant(1.0f));
  Value power = values.shiftLeft(values.bitcastI(shifted), 23);
  return values.bitcastF(values.addI(values.bitcastI(p), power));
}

/// Turns a row's scores into weights and brings its state up to date, but for
/// the weighted sum, which is yet to be scaled by the factor.
void AttentionTile::weighRow(const QueryRows &rows, Value row, Value begin) {
  Value state = b.offset(rows.states, b.mul(row, memory.stateBytes()));
  Value token = b.div(row, spec.headsTogether());
  Value seen = b.sub(b.add(b.add(rows.firstPosition, token), 1), begin);
  Value scores = scoreRow(row);
  Values masked = maskedScores(scores, seen);
  Value most = masked[0];
  for (Value score : ArrayRef(masked).drop_front())
    most = b.maxF(most, score);
  Value maximum = b.offset(state, memory.maximumOffset());
  Value before = b.loadF32(maximum);
  Value largest = b.maxF(before, b.maxLanes(most));
  b.store(largest, maximum, 4);
  Value factor = exponential(b.subF(before, largest));
  b.store(factor, b.offset(state, memory.factorOffset()), 4);
  largest = b.broadcast(largest);
  Value sum;
  for (int64_t i = 0; i < kTileVectors; ++i) {
    Value weight = exponential(b.subF(masked[i], largest));
    Value isSeen = v.lessF(b.splat(kMasked), masked[i]);
    weight = v.selectF(isSeen, weight, b.splat(0));
    b.store(weight, b.offset(scores, 4 * kLanes * i), 4);
    sum = sum ? b.addF(sum, weight) : weight;
  }
  Value sums = b.offset(state, memory.sumOffset());
  sum = b.multiplyAdd(b.loadVector(sums), b.broadcast(factor), sum);
  b.store(sum, sums, 4);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Adds the weighted values of `count` keys to the sums of `n` rows.
void AttentionTile::addValues(const QueryRows &rows, int64_t n, Value first,
                              Value count, ValueSource values) {
  int64_t registers = b.target.tileRows * b.target.tilePanels;
  int64_t chunks = memory.columns / kLanes;
  int64_t most = std::max<int64_t>(1, registers / n);
  int64_t together = llvm::divideCeil(chunks, llvm::divideCeil(chunks, most));
  Value states = b.offset(rows.states, b.mul(first, memory.stateBytes()));
  Value weights = scoreRow(first);
  for (int64_t begin = 0; begin < chunks; begin += together) {
    int64_t width = std::min(together, chunks - begin);
    auto sumAt = [&](int64_t r, int64_t c) {
      return b.offset(states, r * memory.stateBytes() + 4 * kLanes * c);
    };
    Values sums;
    for (int64_t r = 0; r < n; ++r) {
      Value factor = b.broadcast(b.loadF32(
          b.offset(states, r * memory.stateBytes() + memory.factorOffset())));
      for (int64_t c = begin; c < begin + width; ++c)
        sums.push_back(b.mulF(b.loadVector(sumAt(r, c)), factor));
    }
    sums = b.loop(b.i64(0), count, 1, sums, [&](Value key, ValueRange before) {
      Values value, next;
      for (int64_t c = begin; c < begin + width; ++c)
        value.push_back(values(key, c));
      for (int64_t r = 0; r < n; ++r) {
        Value at = b.add(b.mul(key, 4), 4 * kTileKeys * r);
        Value weight = b.broadcast(b.loadF32(b.offset(weights, at)));
        for (int64_t c = 0; c < width; ++c)
          next.push_back(
              b.multiplyAdd(weight, value[c], before[r * width + c]));
      }
      return next;
    });
    for (int64_t r = 0; r < n; ++r)
      for (int64_t c = 0; c < width; ++c)
        b.store(sums[r * width + c], sumAt(r, begin + c), 4);
  }
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void AttentionTile::decodeTile(Value head, Value begin, Value count) {
  Value keys = b.offset(scratch, memory.keys);
  b.loop(b.i64(0), b.divCeil(count, kLanes), 1, [&](Value block) {
    Value from = cache.keyBlock(head, b.add(b.div(begin, kLanes), block));
    Value to = b.offset(keys, b.mul(block, 4 * kLanes));
    cache.foldKeys(from, {}, [&](Value column, ValueRange key, ValueRange) {
      b.store(key[0], b.offset(to, b.mul(column, 4 * kTileKeys)), 4);
      return Values();
    });
  });
  Value values = b.offset(scratch, memory.values);
  b.loop(b.i64(0), count, 1, [&](Value key) {
    Value from = cache.valueRow(head, b.add(begin, key));
    Value to = b.offset(values, b.mul(key, 4 * memory.columns));
    for (int64_t chunk = 0; chunk < memory.columns / kLanes; ++chunk)
      b.store(cache.loadValues(from, chunk), b.offset(to, 4 * kLanes * chunk),
              4);
  });
}

void AttentionTile::addFrom(const QueryRows &rows, Value begin, Value count,
                            KeySource keys, ValueSource values) {
  forRowTiles(rows, [&](int64_t n, Value first) {
    scoreRows(rows, n, first, count, keys);
  });
  b.loop(b.i64(0), rows.count, 1,
         [&](Value row) { weighRow(rows, row, begin); });
  forRowTiles(rows, [&](int64_t n, Value first) {
    addValues(rows, n, first, count, values);
  });
}

void AttentionTile::addFromMemory(const QueryRows &rows, Value begin,
                                  Value count) {
  auto keysFrom = [&](Value first, int64_t vectors, ValueRange initial,
                      const CacheAccess::KeyFold &body) {
    Value tile = b.offset(scratch, memory.keys);
    tile = b.offset(tile, b.mul(first, 4 * kLanes));
    return b.loop(b.i64(0), b.i64(spec.cache.headDim), 1, initial,
                  [&](Value column, ValueRange before) {
                    Value at = b.offset(tile, b.mul(column, 4 * kTileKeys));
                    Values key;
                    for (int64_t i = 0; i < vectors; ++i)
                      key.push_back(b.loadVector(b.offset(at, 4 * kLanes * i)));
                    return body(column, key, before);
                  });
  };
  auto valuesOf = [&](Value key, int64_t chunk) {
    Value at = b.add(b.mul(key, 4 * memory.columns), 4 * kLanes * chunk);
    return b.loadVector(b.offset(b.offset(scratch, memory.values), at));
  };
  addFrom(rows, begin, count, keysFrom, valuesOf);
}

void AttentionTile::addFromCache(const QueryRows &rows, Value head, Value begin,
                                 Value count) {
  Value firstBlock = b.div(begin, kLanes);
  Value lastBlock = b.div(b.sub(b.add(begin, count), b.i64(1)), kLanes);
  auto keysFrom = [&](Value first, int64_t vectors, ValueRange initial,
                      const CacheAccess::KeyFold &body) {
    Values blocks;
    for (int64_t i = 0; i < vectors; ++i) {
      // Past the last block it is read again, to scores that the mask hides.
      Value block = b.add(b.add(firstBlock, first), i);
      blocks.push_back(cache.keyBlock(head, b.min(block, lastBlock)));
    }
    // Streams of one block each are too short for the processor to follow, so
    // each column asks for its share of the next tile, in one stream.
    Value next = b.add(b.add(firstBlock, first), kTileVectors);
    Value ahead = cache.keyBlock(head, next);
    int64_t share = llvm::divideCeil(vectors * spec.cache.keyBlockBytes(),
                                     spec.cache.headDim);
    auto prefetching = [&](Value column, ValueRange keys, ValueRange before) {
      b.prefetch(b.offset(ahead, b.mul(column, share)), share);
      return body(column, keys, before);
    };
    return cache.foldKeys(blocks, initial, prefetching);
  };
  auto valuesOf = [&](Value key, int64_t chunk) {
    Value row = cache.valueRow(head, b.add(begin, key));
    int64_t bytes = spec.cache.valueRowBytes();
    if (chunk == 0)
      b.prefetch(b.offset(row, kTileKeys * bytes), bytes);
    return cache.loadValues(row, chunk);
  };
  addFrom(rows, begin, count, keysFrom, valuesOf);
}

void AttentionTile::addKeys(const QueryRows &rows, Value head, Value begin,
                            Value end) {
  Value count = b.sub(end, begin);
  if (rows.fixedCount != 0 && rows.fixedCount <= b.target.tileRows)
    return addFromCache(rows, head, begin, count);
  decodeTile(head, begin, count);
  addFromMemory(rows, begin, count);
}
