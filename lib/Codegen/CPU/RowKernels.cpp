// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Norms, rotary embedding and element-wise kernels on F32 rows.

#include "quern/Codegen/CPU/Kernels.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "quern/Codegen/CPU/MathFunctions.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

static int64_t rowStride(int64_t width) {
  return ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
}

/// Calls `body(column, load, store)` for columns [0, width) in steps of 16;
/// the last step is short if need be. `load(pointer)` gives zeros for columns
/// that do not exist, `store(value, pointer)` leaves them alone.
using VectorLoad = function_ref<Value(Value)>;
using VectorStore = function_ref<void(Value, Value)>;

static void
forColumns(KernelBuilder &b, int64_t width,
           function_ref<void(Value column, VectorLoad, VectorStore)> body) {
  int64_t whole = width / kLanes * kLanes;
  auto load = [&](Value pointer) { return b.loadVector(pointer); };
  auto store = [&](Value value, Value pointer) { b.store(value, pointer, 4); };
  b.loop(b.i64(0), b.i64(whole), kLanes,
         [&](Value column) { body(column, load, store); });
  if (whole == width)
    return;
  Value rest = b.i64(width - whole);
  body(
      b.i64(whole),
      [&](Value pointer) { return b.loadVectorPart(pointer, rest); },
      [&](Value value, Value pointer) {
        b.storeVectorPart(value, pointer, rest);
      });
}

//===----------------------------------------------------------------------===//
// RMS norm
//===----------------------------------------------------------------------===//

/// The sum over `width` floats at `x` of what `term` makes of 16 of them.
static Value sumOf(KernelBuilder &b, Value x, int64_t width,
                   function_ref<Value(Value)> term) {
  VectorValues v(b);
  int64_t whole = width / kLanes * kLanes;
  Value sums = b.loop(b.i64(0), b.i64(whole), kLanes, ValueRange{b.splat(0)},
                      [&](Value k, ValueRange carried) -> SmallVector<Value> {
                        Value part = b.loadVector(b.offset(x, b.mul(k, 4)));
                        return {b.addF(carried[0], term(part))};
                      })[0];
  if (whole != width) {
    Value rest = b.i64(width - whole);
    Value part = term(b.loadVectorPart(b.offset(x, 4 * whole), rest));
    sums = b.addF(sums, v.selectF(b.laneMask(rest), part, b.splat(0)));
  }
  return b.sumLanes(sums);
}

std::string NormSpec::key() const {
  return std::to_string(width) + " by " + std::to_string(group) + ", eps " +
         std::to_string(llvm::bit_cast<uint32_t>(eps)) +
         (unitOffset ? ", unit offset" : "");
}

void codegen::emitRmsNormKernel(KernelBuilder &b, StringRef name,
                                const NormSpec &spec) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, i, i, i}).getArguments();
  int64_t group = spec.group, groups = spec.width / group;
  int64_t stride = rowStride(spec.width);
  b.forShare(b.mul(args[3], groups), args[4], args[5], [&](Value item) {
    Value at = b.add(b.mul(b.div(item, groups), stride),
                     b.mul(b.rem(item, groups), 4 * group));
    Value x = b.offset(args[0], at), y = b.offset(args[1], at);
    Value squares =
        sumOf(b, x, group, [&](Value part) { return b.mulF(part, part); });
    Value mean = b.divF(squares, b.f32(float(group)));
    Value root = math::SqrtOp::create(b, b.addF(mean, b.f32(spec.eps)));
    Value factor = b.broadcast(b.divF(b.f32(1), root));
    forColumns(b, group, [&](Value column, VectorLoad load, VectorStore store) {
      Value bytes = b.mul(column, 4);
      Value normal = b.mulF(load(b.offset(x, bytes)), factor);
      Value weight = load(b.offset(args[2], bytes));
      if (spec.unitOffset)
        weight = b.addF(weight, b.splat(1));
      store(b.mulF(normal, weight), b.offset(y, bytes));
    });
  });
  b.endFunction();
}

//===----------------------------------------------------------------------===//
// Layer norm
//===----------------------------------------------------------------------===//

void codegen::emitLayerNormKernel(KernelBuilder &b, StringRef name,
                                  int64_t width, float eps, bool hasBias) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, p, i, i, i}).getArguments();
  Value count = b.f32(float(width));
  b.forShare(args[4], args[5], args[6], [&](Value row) {
    Value at = b.mul(row, rowStride(width));
    Value x = b.offset(args[0], at), y = b.offset(args[1], at);
    Value sum = sumOf(b, x, width, [](Value part) { return part; });
    Value mean = b.broadcast(b.divF(sum, count));
    Value squares = sumOf(b, x, width, [&](Value part) {
      Value distance = b.subF(part, mean);
      return b.mulF(distance, distance);
    });
    Value variance = b.addF(b.divF(squares, count), b.f32(eps));
    Value root = math::SqrtOp::create(b, variance);
    Value factor = b.broadcast(b.divF(b.f32(1), root));
    forColumns(b, width, [&](Value column, VectorLoad load, VectorStore store) {
      Value bytes = b.mul(column, 4);
      Value distance = b.subF(load(b.offset(x, bytes)), mean);
      Value result =
          b.mulF(b.mulF(distance, factor), load(b.offset(args[2], bytes)));
      if (hasBias)
        result = b.addF(result, load(b.offset(args[3], bytes)));
      store(result, b.offset(y, bytes));
    });
  });
  b.endFunction();
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

/// One head of one token.
static void rotateHead(KernelBuilder &b, Value x, Value y, Value table,
                       int64_t half) {
  forColumns(b, half, [&](Value pair, VectorLoad load, VectorStore store) {
    Value bytes = b.mul(pair, 4);
    Value cosine = load(b.offset(table, bytes));
    Value sine = load(b.offset(b.offset(table, bytes), 4 * half));
    Value a = load(b.offset(x, bytes));
    Value c = load(b.offset(b.offset(x, bytes), 4 * half));
    store(b.subF(b.mulF(a, cosine), b.mulF(c, sine)), b.offset(y, bytes));
    store(b.addF(b.mulF(c, cosine), b.mulF(a, sine)),
          b.offset(b.offset(y, bytes), 4 * half));
  });
}

void codegen::emitRopeKernel(KernelBuilder &b, StringRef name, int64_t width,
                             int64_t headDim, int64_t rotated) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, i, i, i, i}).getArguments();
  int64_t heads = width / headDim, stride = rowStride(width);
  b.forShare(b.mul(args[3], heads), args[5], args[6], [&](Value item) {
    Value token = b.div(item, heads);
    Value at =
        b.add(b.mul(token, stride), b.mul(b.rem(item, heads), 4 * headDim));
    Value row = b.mul(b.add(args[4], token), 4 * rotated);
    Value x = b.offset(args[0], at), y = b.offset(args[1], at);
    rotateHead(b, x, y, b.offset(args[2], row), rotated / 2);
    forColumns(b, headDim - rotated,
               [&](Value column, VectorLoad load, VectorStore store) {
                 Value bytes = b.mul(b.add(column, rotated), 4);
                 store(load(b.offset(x, bytes)), b.offset(y, bytes));
               });
  });
  b.endFunction();
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

static void emitBinaryKernel(KernelBuilder &b, StringRef name, int64_t width,
                             function_ref<Value(Value, Value)> combine) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, i, i, i}).getArguments();
  // Padding is computed too: both operations keep its zeros.
  int64_t stride = rowStride(width), vectors = (width + kLanes - 1) / kLanes;
  b.forShare(b.mul(args[3], vectors), args[4], args[5], [&](Value item) {
    Value at = b.add(b.mul(b.div(item, vectors), stride),
                     b.mul(b.rem(item, vectors), 4 * kLanes));
    Value result = combine(b.loadVector(b.offset(args[0], at)),
                           b.loadVector(b.offset(args[1], at)));
    b.store(result, b.offset(args[2], at), 4);
  });
  b.endFunction();
}

void codegen::emitAddPositionsKernel(KernelBuilder &b, StringRef name,
                                     int64_t width) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, i, i, i, i}).getArguments();
  b.forShare(args[3], args[5], args[6], [&](Value row) {
    Value at = b.mul(row, rowStride(width));
    Value x = b.offset(args[0], at), y = b.offset(args[1], at);
    Value entry = b.offset(args[2], b.mul(b.add(args[4], row), 4 * width));
    forColumns(b, width, [&](Value column, VectorLoad load, VectorStore store) {
      Value bytes = b.mul(column, 4);
      store(b.addF(load(b.offset(x, bytes)), load(b.offset(entry, bytes))),
            b.offset(y, bytes));
    });
  });
  b.endFunction();
}

void codegen::emitAddKernel(KernelBuilder &b, StringRef name, int64_t width) {
  emitBinaryKernel(b, name, width,
                   [&](Value x, Value y) { return b.addF(x, y); });
}

void codegen::emitGatedKernel(KernelBuilder &b, StringRef name,
                              StringRef activation, int64_t width) {
  emitBinaryKernel(b, name, width, [&](Value gate, Value up) {
    return b.mulF(applyActivation(b, activation, gate), up);
  });
}

void codegen::emitMapKernel(KernelBuilder &b, StringRef name, int64_t width,
                            function_ref<Value(Value)> apply) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, i, i, i, i}).getArguments();
  int64_t vectors = (width + kLanes - 1) / kLanes;
  b.forShare(b.mul(args[3], vectors), args[4], args[5], [&](Value item) {
    Value row = b.div(item, vectors),
          column = b.mul(b.rem(item, vectors), kLanes);
    Value bytes = b.mul(column, 4);
    Value from = b.offset(args[0], b.add(b.mul(row, rowStride(width)), bytes));
    Value to = b.offset(args[1], b.add(b.mul(row, args[2]), bytes));
    // Rows that lie densely have no padding to write to.
    b.storeVectorPart(apply(b.loadVector(from)), to,
                      b.min(b.sub(b.i64(width), column), b.i64(kLanes)));
  });
  b.endFunction();
}
