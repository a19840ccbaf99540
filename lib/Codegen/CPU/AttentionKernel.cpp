// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Causal attention over the KV cache.
//
// A work item is a key head and a block of tokens. The query rows of an item
// (tokens of the block times the heads that share the key head) are handled
// together, so that a key or value is loaded once for all of them. Three
// passes: scores of 16 positions at a time into private memory with a running
// maximum, then exponentials and their sum, then the weighted sum of values.

#include "CacheAccess.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// Query rows that keep their accumulators in registers.
static constexpr int64_t kQueryRows = 8;
/// Stands for a score that the mask forbids; far below any real one.
static constexpr float kMasked = -1e30f;

int64_t AttentionSpec::rowsTogether() const {
  int64_t tokens = std::max<int64_t>(1, kQueryRows / headsTogether());
  return tokens * headsTogether();
}

namespace {
class AttentionItem {
public:
  AttentionItem(KernelBuilder &builder, const AttentionSpec &spec,
                int64_t tokensTogether, ValueRange args)
      : b(builder), v(builder), spec(spec), tokensTogether(tokensTogether),
        cache(builder, spec.cache, args[2], args[6]), query(args[0]),
        output(args[1]), scratch(args[3]), tokens(args[4]), position(args[5]),
        capacity(args[6]) {}

  /// Attention of head `head` for the tokens from `firstToken` on.
  void emit(Value head, Value firstToken);

private:
  using Values = SmallVector<Value>;

  void locateRows(Value head, Value firstToken);
  Values scoreBlock(Value head, Value block);
  Values scorePass(Value head);
  Values exponentialPass(const Values &maxima);
  void valuePass(Value head, const Values &sums);
  void storeResult(Value sum, Value row, int64_t column);
  Value scoreAddress(int64_t row, Value block) {
    Value at = b.add(b.mul(capacity, 4 * row), b.mul(block, 4 * kLanes));
    return b.offset(scratch, at);
  }

  KernelBuilder &b;
  VectorValues v;
  const AttentionSpec &spec;
  int64_t tokensTogether;
  CacheAccess cache;
  Value query, output, scratch, tokens, position, capacity;
  Values queryRows, outputRows, rowPositions; ///< a query row's
  Value firstBlock, endBlock, firstKey, endKey;
};
} // namespace

void AttentionItem::locateRows(Value head, Value firstToken) {
  int64_t width = spec.queryHeads * spec.cache.headDim;
  int64_t stride = ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
  int64_t shared = spec.headsTogether();
  Value lastToken = b.sub(tokens, b.i64(1));
  Value token;
  for (int64_t t = 0; t < tokensTogether; ++t) {
    // Past the last token its rows are computed again, to the same result.
    token = b.min(b.add(firstToken, t), lastToken);
    for (int64_t h = 0; h < shared; ++h) {
      Value column =
          b.mul(b.add(b.mul(head, shared), h), 4 * spec.cache.headDim);
      Value at = b.add(b.mul(token, stride), column);
      queryRows.push_back(b.offset(query, at));
      outputRows.push_back(b.offset(output, at));
      rowPositions.push_back(b.add(position, token));
    }
  }
  endKey = b.add(rowPositions.back(), 1);
  firstKey = b.i64(0);
  if (spec.window > 0)
    firstKey = b.max(firstKey,
                     b.sub(b.add(rowPositions.front(), 1), b.i64(spec.window)));
  firstBlock = b.div(firstKey, kLanes);
  endBlock = b.divCeil(endKey, kLanes);
}

/// Masked, scaled scores of all rows at 16 positions.
SmallVector<Value> AttentionItem::scoreBlock(Value head, Value block) {
  int64_t rows = queryRows.size();
  Values sums(rows, b.splat(0));
  sums = cache.foldKeys(cache.keyBlock(head, block), sums,
                        [&](Value column, Value keys, ValueRange carried) {
                          Value at = b.mul(column, 4);
                          Values next;
                          for (int64_t r = 0; r < rows; ++r) {
                            Value q = b.broadcast(
                                b.loadF32(b.offset(queryRows[r], at)));
                            next.push_back(b.multiplyAdd(q, keys, carried[r]));
                          }
                          return next;
                        });
  Value first = b.mul(block, kLanes);
  for (int64_t r = 0; r < rows; ++r) {
    Value score = b.mulF(sums[r], b.splat(spec.scale));
    Value seen = b.sub(b.add(rowPositions[r], 1), first);
    score = v.selectF(b.laneMask(seen), score, b.splat(kMasked));
    if (spec.window > 0) {
      Value hidden = b.sub(seen, b.i64(spec.window));
      score = v.selectF(b.laneMask(hidden), b.splat(kMasked), score);
    }
    sums[r] = score;
  }
  return sums;
}

SmallVector<Value> AttentionItem::scorePass(Value head) {
  int64_t rows = queryRows.size();
  Values maxima(rows, b.splat(kMasked));
  maxima = b.loop(firstBlock, endBlock, 1, maxima,
                  [&](Value block, ValueRange carried) {
                    Values scores = scoreBlock(head, block), next;
                    for (int64_t r = 0; r < rows; ++r) {
                      b.store(scores[r], scoreAddress(r, block), 4);
                      next.push_back(b.maxF(scores[r], carried[r]));
                    }
                    return next;
                  });
  for (Value &maximum : maxima)
    maximum = b.broadcast(b.maxLanes(maximum));
  return maxima;
}

SmallVector<Value> AttentionItem::exponentialPass(const Values &maxima) {
  Values sums;
  for (int64_t r = 0; r < int64_t(queryRows.size()); ++r) {
    Value sum = b.loop(firstBlock, endBlock, 1, ValueRange{b.splat(0)},
                       [&](Value block, ValueRange carried) -> Values {
                         Value address = scoreAddress(r, block);
                         Value score = b.loadVector(address);
                         Value power = b.exp(b.subF(score, maxima[r]));
                         Value isSeen = v.lessF(b.splat(kMasked), score);
                         power = v.selectF(isSeen, power, b.splat(0));
                         b.store(power, address, 4);
                         return {b.addF(carried[0], power)};
                       })[0];
    sums.push_back(b.sumLanes(sum));
  }
  return sums;
}

void AttentionItem::storeResult(Value result, Value row, int64_t column) {
  Value address = b.offset(row, 4 * column);
  int64_t left = spec.cache.headDim - column;
  if (left >= kLanes)
    b.store(result, address, 4);
  else
    b.storeVectorPart(result, address, b.i64(left));
}

void AttentionItem::valuePass(Value head, const Values &sums) {
  int64_t rows = queryRows.size();
  for (int64_t column = 0; column < spec.cache.headDim; column += kLanes) {
    Values totals(rows, b.splat(0));
    totals =
        b.loop(firstKey, endKey, 1, totals, [&](Value key, ValueRange carried) {
          Value value =
              cache.loadValues(cache.valueRow(head, key), column / kLanes);
          Values next;
          for (int64_t r = 0; r < rows; ++r) {
            Value at = b.add(b.mul(capacity, 4 * r), b.mul(key, 4));
            Value weight = b.broadcast(b.loadF32(b.offset(scratch, at)));
            next.push_back(b.multiplyAdd(weight, value, carried[r]));
          }
          return next;
        });
    for (int64_t r = 0; r < rows; ++r)
      storeResult(b.divF(totals[r], b.broadcast(sums[r])), outputRows[r],
                  column);
  }
}

void AttentionItem::emit(Value head, Value firstToken) {
  queryRows.clear();
  outputRows.clear();
  rowPositions.clear();
  locateRows(head, firstToken);
  Values sums = exponentialPass(scorePass(head));
  valuePass(head, sums);
}

/// The items of this worker, of `together` tokens each.
static void emitItems(KernelBuilder &b, const AttentionSpec &spec,
                      int64_t together, ValueRange args) {
  AttentionItem item(b, spec, together, args);
  Value blocks = b.divCeil(args[4], together);
  // Heads vary slowest: every worker gets short and long contexts alike.
  Value items = b.mul(blocks, spec.cache.heads);
  b.forShare(items, args[7], args[8], [&](Value index) {
    Value head = arith::DivUIOp::create(b, index, blocks);
    Value block = arith::RemUIOp::create(b, index, blocks);
    item.emit(head, b.mul(block, together));
  });
}

void codegen::emitAttentionKernel(KernelBuilder &b, StringRef name,
                                  const AttentionSpec &spec) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, p, i, i, i, i, i}).getArguments();
  int64_t together = spec.rowsTogether() / spec.headsTogether();
  // A token that is decoded alone must not be computed several times.
  if (together == 1)
    emitItems(b, spec, 1, args);
  else
    b.ifThenElse(
        b.equal(args[4], b.i64(1)), [&] { emitItems(b, spec, 1, args); },
        [&] { emitItems(b, spec, together, args); });
  b.endFunction();
}
