// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Kernels of experts: routing, rows of each expert, products with each
// one's matrix, and their sum.
//
// Who needs to know where an expert's rows are counts the tokens' choices,
// which are few, instead of asking the worker who has counted.

#include "quern/Codegen/CPU/Kernels.h"
#include "quern/Codegen/CPU/LinearKernel.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

static int64_t rowStride(int64_t width) {
  return ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
}

// Counters of each expert and one more; or a flag for each.
int64_t RoutingSpec::scratchBytes() const {
  return int64_t(llvm::alignTo(8 * (experts + 1), 64));
}

//===----------------------------------------------------------------------===//
// Routing
//===----------------------------------------------------------------------===//

namespace {
/// One token's choice. Flags of experts are bytes in `scratch`.
class TokenRouter {
public:
  TokenRouter(KernelBuilder &builder, const RoutingSpec &spec, Value scratch)
      : b(builder), spec(spec), scratch(scratch) {}

  void emit(Value logits, Value result, bool isNormalized);

private:
  Value logitOf(Value logits, Value expert) {
    return b.loadF32(b.offset(logits, b.mul(expert, 4)));
  }
  Value isChosen(Value expert) {
    Value flag = b.load(b.getI8Type(), b.offset(scratch, expert));
    Value one = arith::ConstantOp::create(b, b.getI8IntegerAttr(1));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, flag, one);
  }
  Value select(Value condition, Value a, Value c) {
    return arith::SelectOp::create(b, condition, a, c);
  }
  void setFlag(Value expert, int8_t flag) {
    b.store(arith::ConstantOp::create(b, b.getI8IntegerAttr(flag)),
            b.offset(scratch, expert));
  }
  Value largest(Value logits);
  Value sumOfPowers(Value logits, Value most, bool ofChosen);
  void writeChosen(Value logits, Value most, Value sum, Value result);

  KernelBuilder &b;
  const RoutingSpec &spec;
  Value scratch;
};
} // namespace

/// The expert of the largest logit that is not chosen yet.
Value TokenRouter::largest(Value logits) {
  VectorValues v(b, /*scalar=*/true);
  Value none = b.i64(-1),
        least = b.f32(-std::numeric_limits<float>::infinity());
  return b.loop(
      b.i64(0), b.i64(spec.experts), 1, ValueRange{none, least},
      [&](Value expert, ValueRange best) -> SmallVector<Value> {
        Value logit = logitOf(logits, expert);
        Value isFirst = b.less(best[0], b.i64(0));
        Value isLarger =
            arith::OrIOp::create(b, isFirst, v.lessF(best[1], logit));
        Value takes = select(isChosen(expert),
                             arith::ConstantOp::create(b, b.getBoolAttr(false)),
                             isLarger);
        return {select(takes, expert, best[0]), select(takes, logit, best[1])};
      })[0];
}

Value TokenRouter::sumOfPowers(Value logits, Value most, bool ofChosen) {
  return b.loop(b.i64(0), b.i64(spec.experts), 1, ValueRange{b.f32(0)},
                [&](Value expert, ValueRange sum) -> SmallVector<Value> {
                  Value power = b.exp(b.subF(logitOf(logits, expert), most));
                  if (ofChosen)
                    power = select(isChosen(expert), power, b.f32(0));
                  return {b.addF(sum[0], power)};
                })[0];
}

/// Numbers and shares of the chosen experts, in ascending order.
void TokenRouter::writeChosen(Value logits, Value most, Value sum,
                              Value result) {
  b.loop(b.i64(0), b.i64(spec.experts), 1, ValueRange{b.i64(0)},
         [&](Value expert, ValueRange count) -> SmallVector<Value> {
           Value chosen = isChosen(expert);
           Value place = b.offset(result, b.mul(count[0], 4));
           b.ifThen(chosen, [&] {
             Value number = arith::SIToFPOp::create(b, b.getF32Type(), expert);
             b.store(number, place, 4);
             Value power = b.exp(b.subF(logitOf(logits, expert), most));
             b.store(b.divF(power, sum), b.offset(place, 4 * spec.top), 4);
           });
           return {select(chosen, b.add(count[0], 1), count[0])};
         });
}

void TokenRouter::emit(Value logits, Value result, bool isNormalized) {
  b.loop(b.i64(0), b.i64(spec.experts), 1,
         [&](Value expert) { setFlag(expert, 0); });
  // The first choice is also the largest logit of all.
  Value first = largest(logits);
  setFlag(first, 1);
  b.loop(b.i64(1), b.i64(spec.top), 1,
         [&](Value) { setFlag(largest(logits), 1); });
  Value most = logitOf(logits, first);
  Value sum = sumOfPowers(logits, most, isNormalized);
  writeChosen(logits, most, sum, result);
}

void codegen::emitRouteKernel(KernelBuilder &b, StringRef name,
                              const RoutingSpec &spec, bool isNormalized) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, i, p, i, i}).getArguments();
  TokenRouter router(b, spec, args[3]);
  b.forShare(args[2], args[4], args[5], [&](Value token) {
    Value logits = b.offset(args[0], b.mul(token, rowStride(spec.experts)));
    Value result = b.offset(args[1], b.mul(token, rowStride(2 * spec.top)));
    router.emit(logits, result, isNormalized);
  });
  b.endFunction();
}

//===----------------------------------------------------------------------===//
// Rows of experts
//===----------------------------------------------------------------------===//

namespace {
/// Where the rows of each expert begin: counters in private memory.
class ExpertRows {
public:
  ExpertRows(KernelBuilder &builder, const RoutingSpec &spec, Value routing,
             Value tokens, Value scratch)
      : b(builder), spec(spec), routing(routing), tokens(tokens),
        scratch(scratch) {}

  /// Counts; from here on `start(e)` is the first row of expert e, that of the
  /// one behind the last the number of rows.
  void count();
  Value start(Value expert) { return b.load(b.getI64Type(), at(expert), 8); }
  /// The row of a choice, to be called for each, in order of tokens and
  /// choices: what `start` says moves on.
  Value nextRow(Value token, int64_t choice);
  Value share(Value token, int64_t choice) {
    return b.loadF32(b.offset(rowOf(token), 4 * (spec.top + choice)));
  }

private:
  Value at(Value expert) { return b.offset(scratch, b.mul(expert, 8)); }
  Value rowOf(Value token) {
    return b.offset(routing, b.mul(token, rowStride(2 * spec.top)));
  }
  Value expertOf(Value token, int64_t choice) {
    Value number = b.loadF32(b.offset(rowOf(token), 4 * choice));
    return arith::FPToSIOp::create(b, b.getI64Type(), number);
  }

  KernelBuilder &b;
  const RoutingSpec &spec;
  Value routing, tokens, scratch;
};
} // namespace

void ExpertRows::count() {
  Value end = b.i64(spec.experts + 1);
  b.loop(b.i64(0), end, 1, [&](Value i) { b.store(b.i64(0), at(i), 8); });
  b.loop(b.i64(0), tokens, 1, [&](Value token) {
    for (int64_t choice = 0; choice < spec.top; ++choice) {
      Value counter = at(b.add(expertOf(token, choice), 1));
      b.store(b.add(b.load(b.getI64Type(), counter, 8), 1), counter, 8);
    }
  });
  b.loop(b.i64(0), end, 1, ValueRange{b.i64(0)},
         [&](Value i, ValueRange before) -> SmallVector<Value> {
           Value sum = b.add(before[0], start(i));
           b.store(sum, at(i), 8);
           return {sum};
         });
}

Value ExpertRows::nextRow(Value token, int64_t choice) {
  Value counter = at(expertOf(token, choice));
  Value row = b.load(b.getI64Type(), counter, 8);
  b.store(b.add(row, 1), counter, 8);
  return row;
}

void codegen::emitDispatchKernel(KernelBuilder &b, StringRef name,
                                 const RoutingSpec &spec, int64_t width) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, i, p, i, i}).getArguments();
  int64_t stride = rowStride(width);
  ExpertRows rows(b, spec, args[2], args[3], args[4]);
  rows.count();
  auto [begin, end] = b.share(b.mul(args[3], spec.top), args[5], args[6]);
  b.loop(b.i64(0), args[3], 1, [&, first = begin, last = end](Value token) {
    Value from = b.offset(args[0], b.mul(token, stride));
    for (int64_t choice = 0; choice < spec.top; ++choice) {
      Value row = rows.nextRow(token, choice);
      Value isOurs =
          arith::AndIOp::create(b, b.lessEqual(first, row), b.less(row, last));
      b.ifThen(isOurs, [&] {
        Value to = b.offset(args[1], b.mul(row, stride));
        b.loop(b.i64(0), b.i64(stride), 4 * kLanes, [&](Value at) {
          b.store(b.loadVector(b.offset(from, at)), b.offset(to, at), 4);
        });
      });
    }
  });
  b.endFunction();
}

void codegen::emitCombineKernel(KernelBuilder &b, StringRef name,
                                const RoutingSpec &spec, int64_t width) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, i, p, i, i}).getArguments();
  int64_t stride = rowStride(width);
  ExpertRows rows(b, spec, args[2], args[3], args[4]);
  rows.count();
  auto [begin, end] = b.share(args[3], args[5], args[6]);
  b.loop(b.i64(0), end, 1, [&, first = begin](Value token) {
    SmallVector<Value> from, shares;
    for (int64_t choice = 0; choice < spec.top; ++choice) {
      Value row = rows.nextRow(token, choice);
      from.push_back(b.offset(args[0], b.mul(row, stride)));
      shares.push_back(b.broadcast(rows.share(token, choice)));
    }
    b.ifThen(b.lessEqual(first, token), [&] {
      Value to = b.offset(args[1], b.mul(token, stride));
      b.loop(b.i64(0), b.i64(stride), 4 * kLanes, [&](Value at) {
        Value sum = b.splat(0);
        for (int64_t choice = 0; choice < spec.top; ++choice) {
          Value row = b.loadVector(b.offset(from[choice], at));
          sum = b.addF(sum, b.mulF(row, shares[choice]));
        }
        b.store(sum, b.offset(to, at), 4);
      });
    });
  });
  b.endFunction();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void codegen::emitRoutedLinearKernel(KernelBuilder &b, StringRef name,
                                     StringRef linear, const LinearSpec &spec,
                                     const RoutingSpec &routing) {
  Type p = b.ptrType(), i = b.getI64Type();
  SmallVector<Type> types = {p, p, i, p, p, i, i, i, i};
  types.append(spec.layout.segments.size(), p);
  types.append({p, p});
  auto args = b.beginFunction(name, types).getArguments();
  Value x = args[0], y = args[1], yStride = args[2], bias = args[3];
  Value residual = args[4], tokens = args[5], columns = args[6];
  ValueRange segments = args.slice(9, spec.layout.segments.size());
  ExpertRows rows(b, routing, args.drop_back().back(), tokens, args.back());
  rows.count();
  b.loop(b.i64(0), b.i64(routing.experts), 1, [&](Value expert) {
    Value begin = rows.start(expert), end = rows.start(b.add(expert, 1));
    b.ifThen(b.less(begin, end), [&] {
      Value before = b.mul(expert, columns);
      Value inResult = b.mul(begin, yStride);
      SmallVector<Value> operands = {
          b.offset(x, b.mul(begin, spec.input.stride())),
          b.offset(y, inResult),
          yStride,
          spec.hasBias ? b.offset(bias, b.mul(before, 4)) : bias,
          spec.hasResidual ? b.offset(residual, inResult) : residual,
          b.sub(end, begin),
          columns,
          args[7],
          args[8]};
      operands.append(segments.begin(), segments.end());
      operands.push_back(b.div(before, kPanelRows));
      func::CallOp::create(b, linear, TypeRange{}, operands);
    });
  });
  b.endFunction();
}
