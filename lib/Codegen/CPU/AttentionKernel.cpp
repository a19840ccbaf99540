// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Causal attention over the KV cache.
//
// Order of arithmetic. The positions of a sequence are cut into tiles of
// kTileKeys and chunks of kAttentionChunk, at multiples of these. A chunk's
// tiles are taken in order: the largest score so far, the weights relative to
// it, and the sums so far scaled down to it. Each chunk begins anew; chunks are
// then added up in order. What is added to what depends on positions alone: the
// result is the same whether tokens come in a prompt or one by one, and
// whichever worker has done which chunk.
//
// Tokens of a prompt: a work item is a key head and a block of tokens, and goes
// through all chunks. One token alone: an item is a key head and a chunk, so
// that few heads keep many workers busy on a long context; with more chunks
// than one, a second kernel adds them up.

#include "AttentionTile.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

namespace {
/// Arguments of the kernel, and the emission of its items.
class AttentionItems {
public:
  AttentionItems(KernelBuilder &builder, const AttentionSpec &spec,
                 ValueRange args)
      : b(builder), spec(spec), memory(spec),
        cache(builder, spec.cache, args[2], args[7]),
        tile(builder, spec, memory, cache, args[3]), query(args[0]),
        output(args[1]), scratch(args[3]), partials(args[4]), tokens(args[5]),
        position(args[6]), worker(args[8]), workers(args[9]),
        width(spec.queryHeads * spec.cache.headDim) {}

  void emitToken();
  void emitPrompt();

private:
  using Keys = std::pair<Value, Value>; ///< from the first to behind the last

  void forEqualShare(Value count, function_ref<Value(Value)> work,
                     function_ref<void(Value, Value)> body);
  Keys keysOf(Value firstToken, Value endToken);
  Keys keysOfChunk(Keys keys, Value chunk);
  void addChunk(const QueryRows &rows, Value head, Keys keys);
  void tokenItem(Value head, Value index, Value chunks, Keys keys);
  void promptItem(Value head, Value first, Value end);
  Value copyQueries(Value head, Value first, Value end);
  Value stateAt(Value states, Value row) {
    return b.offset(states, b.mul(row, memory.stateBytes()));
  }
  Value rowOf(Value base, Value token, Value head) {
    int64_t stride = ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
    int64_t columns = spec.headsTogether() * spec.cache.headDim;
    return b.offset(base,
                    b.add(b.mul(token, stride), b.mul(head, 4 * columns)));
  }

  KernelBuilder &b;
  const AttentionSpec &spec;
  AttentionMemory memory;
  CacheAccess cache;
  AttentionTile tile;
  Value query, output, scratch, partials, tokens, position, worker, workers;
  int64_t width;
};
} // namespace

/// Calls `body(head, i)` for each key head and each i of [0, count) that this
/// worker owns: contiguous, and of about the same work for every worker.
void AttentionItems::forEqualShare(Value count, function_ref<Value(Value)> work,
                                   function_ref<void(Value, Value)> body) {
  Value none = b.i64(0), heads = b.i64(spec.cache.heads);
  Value total = b.loop(none, count, 1, ValueRange{none},
                       [&](Value i, ValueRange sum) -> SmallVector<Value> {
                         return {b.add(sum[0], work(i))};
                       })[0];
  total = b.mul(total, heads);
  b.loop(none, heads, 1, ValueRange{none}, [&](Value head, ValueRange outer) {
    return b.loop(none, count, 1, outer,
                  [&](Value i, ValueRange done) -> SmallVector<Value> {
                    Value owner = arith::DivUIOp::create(
                        b, b.mul(done[0], workers), total);
                    b.ifThen(b.equal(owner, worker), [&] { body(head, i); });
                    return {b.add(done[0], work(i))};
                  });
  });
}

/// The keys that tokens [firstToken, endToken) of the step see, from the begin
/// of a tile on.
AttentionItems::Keys AttentionItems::keysOf(Value firstToken, Value endToken) {
  Value first = b.i64(0);
  if (spec.window > 0) {
    Value seen = b.add(b.add(position, firstToken), 1);
    first = b.max(first, b.sub(seen, b.i64(spec.window)));
    first = b.mul(b.div(first, kTileKeys), kTileKeys);
  }
  return {first, b.add(position, endToken)};
}

AttentionItems::Keys AttentionItems::keysOfChunk(Keys keys, Value chunk) {
  Value begin = b.mul(chunk, kAttentionChunk);
  return {b.max(begin, keys.first),
          b.min(b.add(begin, kAttentionChunk), keys.second)};
}

void AttentionItems::addChunk(const QueryRows &rows, Value head, Keys keys) {
  tile.clear(rows.states, rows.count);
  b.loop(keys.first, keys.second, kTileKeys, [&](Value begin) {
    Value end = b.min(b.add(begin, kTileKeys), keys.second);
    tile.addKeys(rows, head, begin, end);
  });
}

//===----------------------------------------------------------------------===//
// One token
//===----------------------------------------------------------------------===//

/// The first chunk that a token at `position` sees, and how many.
static std::pair<Value, Value>
chunksOf(KernelBuilder &b, const AttentionSpec &spec, Value position) {
  Value first = b.i64(0), seen = b.add(position, 1);
  if (spec.window > 0)
    first =
        b.div(b.max(first, b.sub(seen, b.i64(spec.window))), kAttentionChunk);
  return {first, b.sub(b.divCeil(seen, kAttentionChunk), first)};
}

void AttentionItems::tokenItem(Value head, Value index, Value chunks,
                               Keys keys) {
  int64_t shared = spec.headsTogether();
  Value row = b.add(b.mul(index, spec.queryHeads), b.mul(head, shared));
  QueryRows rows = {rowOf(query, b.i64(0), head), stateAt(partials, row),
                    position, b.i64(shared), shared};
  addChunk(rows, head, keys);
  b.ifThen(b.equal(chunks, b.i64(1)), [&] {
    Value result = rowOf(output, b.i64(0), head);
    for (int64_t r = 0; r < shared; ++r)
      tile.finish(stateAt(rows.states, b.i64(r)),
                  b.offset(result, 4 * spec.cache.headDim * r));
  });
}

void AttentionItems::emitToken() {
  auto [firstChunk, chunks] = chunksOf(b, spec, position);
  Keys all = keysOf(b.i64(0), b.i64(1));
  auto keysAt = [&, first = firstChunk](Value index) {
    return keysOfChunk(all, b.add(first, index));
  };
  auto work = [&](Value index) {
    Keys keys = keysAt(index);
    return b.sub(keys.second, keys.first);
  };
  forEqualShare(chunks, work, [&, count = chunks](Value head, Value index) {
    tokenItem(head, index, count, keysAt(index));
  });
}

//===----------------------------------------------------------------------===//
// Tokens of a prompt
//===----------------------------------------------------------------------===//

/// Puts the queries of tokens [first, end) side by side, with rows of zeros
/// behind them. The number of rows.
Value AttentionItems::copyQueries(Value head, Value first, Value end) {
  int64_t shared = spec.headsTogether(), columns = shared * spec.cache.headDim;
  int64_t whole = columns / kLanes * kLanes;
  Value to = b.offset(scratch, memory.queries);
  Value count = b.sub(end, first);
  b.loop(b.i64(0), count, 1, [&](Value token) {
    Value source = rowOf(query, b.add(first, token), head);
    Value target = b.offset(to, b.mul(token, 4 * columns));
    b.loop(b.i64(0), b.i64(4 * whole), 4 * kLanes, [&](Value at) {
      b.store(b.loadVector(b.offset(source, at)), b.offset(target, at), 4);
    });
    if (whole == columns)
      return;
    Value rest = b.i64(columns - whole);
    b.storeVectorPart(b.loadVectorPart(b.offset(source, 4 * whole), rest),
                      b.offset(target, 4 * whole), rest);
  });
  Value rows = b.mul(count, shared);
  Value padded = b.mul(b.divCeil(rows, kRowStep), kRowStep);
  b.loop(b.mul(rows, 4 * spec.cache.headDim),
         b.mul(padded, 4 * spec.cache.headDim), 4 * kLanes,
         [&](Value at) { b.store(b.splat(0), b.offset(to, at), 4); });
  return padded;
}

void AttentionItems::promptItem(Value head, Value first, Value end) {
  Value count = copyQueries(head, first, end);
  QueryRows rows = {b.offset(scratch, memory.queries),
                    b.offset(scratch, memory.partials), b.add(position, first),
                    count};
  Value totals = b.offset(scratch, memory.totals);
  tile.clear(totals, count);
  Keys keys = keysOf(first, end);
  b.loop(b.div(keys.first, kAttentionChunk),
         b.divCeil(keys.second, kAttentionChunk), 1, [&](Value chunk) {
           addChunk(rows, head, keysOfChunk(keys, chunk));
           b.loop(b.i64(0), count, 1, [&](Value row) {
             tile.merge(stateAt(totals, row), stateAt(rows.states, row));
           });
         });
  int64_t shared = spec.headsTogether();
  b.loop(first, end, 1, [&](Value token) {
    Value result = rowOf(output, token, head);
    Value row = b.mul(b.sub(token, first), shared);
    b.loop(b.i64(0), b.i64(shared), 1, [&](Value r) {
      tile.finish(stateAt(totals, b.add(row, r)),
                  b.offset(result, b.mul(r, 4 * spec.cache.headDim)));
    });
  });
}

void AttentionItems::emitPrompt() {
  Value blocks = b.divCeil(tokens, memory.tokens);
  auto endOf = [&](Value block) {
    return b.min(b.mul(b.add(block, 1), memory.tokens), tokens);
  };
  auto work = [&](Value block) {
    Keys keys = keysOf(b.mul(block, memory.tokens), endOf(block));
    return b.sub(keys.second, keys.first);
  };
  forEqualShare(blocks, work, [&](Value head, Value block) {
    promptItem(head, b.mul(block, memory.tokens), endOf(block));
  });
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void codegen::emitAttentionKernel(KernelBuilder &b, StringRef name,
                                  const AttentionSpec &spec) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args =
      b.beginFunction(name, {p, p, p, p, p, i, i, i, i, i}).getArguments();
  AttentionItems items(b, spec, args);
  b.ifThenElse(
      b.equal(args[5], b.i64(1)), [&] { items.emitToken(); },
      [&] { items.emitPrompt(); });
  b.endFunction();
}

Value codegen::isAttentionSplit(KernelBuilder &b, const AttentionSpec &spec,
                                Value tokens, Value position) {
  Value chunks = chunksOf(b, spec, position).second;
  return arith::AndIOp::create(b, b.equal(tokens, b.i64(1)),
                               b.less(b.i64(1), chunks));
}

void codegen::emitAttentionMergeKernel(KernelBuilder &b, StringRef name,
                                       const AttentionSpec &spec) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, i, i, i}).getArguments();
  AttentionMemory memory(spec);
  CacheAccess cache(b, spec.cache, nullptr, nullptr);
  AttentionTile tile(b, spec, memory, cache, nullptr);
  Value chunks = chunksOf(b, spec, args[2]).second;
  b.forShare(b.i64(spec.queryHeads), args[3], args[4], [&](Value head) {
    Value total = b.offset(args[1], b.mul(head, memory.stateBytes()));
    b.loop(b.i64(1), chunks, 1, [&](Value chunk) {
      Value at = b.mul(chunk, spec.queryHeads * memory.stateBytes());
      tile.merge(total, b.offset(total, at));
    });
    tile.finish(total, b.offset(args[0], b.mul(head, 4 * spec.cache.headDim)));
  });
  b.endFunction();
}
