// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The Walsh-Hadamard transform of runs of columns.
//
// The fast transform: with step s = 1, 2, 4, … each pair (i, i + s) becomes its
// sum and its difference. Steps below 16 stay inside a vector, the others
// combine whole vectors in place.

#include "quern/Codegen/CPU/Kernels.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// One step inside a vector: lane i gets x[i] + x[i + s], lane i + s gets
/// x[i] - x[i + s].
static Value combineLanes(KernelBuilder &b, Value x, int64_t s) {
  SmallVector<int64_t> partners;
  SmallVector<float> signs;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    partners.push_back(lane ^ s);
    signs.push_back(lane & s ? -1.0f : 1.0f);
  }
  Value swapped = vector::ShuffleOp::create(b, x, x, partners);
  Value sign = arith::ConstantOp::create(
      b, DenseElementsAttr::get(b.vectorOf(b.getF32Type()), ArrayRef(signs)));
  return b.addF(swapped, b.mulF(x, sign));
}

/// From `x` to `y`: the factor and the steps inside vectors.
static void transformVectors(KernelBuilder &b, Value x, Value y,
                             int64_t group) {
  Value factor = b.splat(1 / std::sqrt(float(group)));
  Value rest = b.i64(group);
  bool isPart = group < kLanes;
  b.loop(b.i64(0), b.i64(group), kLanes, [&](Value column) {
    Value from = b.offset(x, b.mul(column, 4));
    Value to = b.offset(y, b.mul(column, 4));
    Value part = isPart ? b.loadVectorPart(from, rest) : b.loadVector(from);
    part = b.mulF(part, factor);
    for (int64_t s = 1; s < std::min(group, kLanes); s *= 2)
      part = combineLanes(b, part, s);
    isPart ? b.storeVectorPart(part, to, rest) : b.store(part, to, 4);
  });
}

/// The step of s columns, a multiple of 16, in place.
static void combineVectors(KernelBuilder &b, Value y, int64_t group,
                           int64_t s) {
  b.loop(b.i64(0), b.i64(group), 2 * s, [&](Value begin) {
    b.loop(begin, b.add(begin, s), kLanes, [&](Value column) {
      Value low = b.offset(y, b.mul(column, 4));
      Value high = b.offset(low, 4 * s);
      Value a = b.loadVector(low), c = b.loadVector(high);
      b.store(b.addF(a, c), low, 4);
      b.store(b.subF(a, c), high, 4);
    });
  });
}

void codegen::emitHadamardKernel(KernelBuilder &b, StringRef name,
                                 int64_t width, int64_t group) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, i, i, i}).getArguments();
  int64_t groups = width / group;
  int64_t stride = ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
  b.forShare(b.mul(args[2], groups), args[3], args[4], [&](Value item) {
    Value at = b.add(b.mul(b.div(item, groups), stride),
                     b.mul(b.rem(item, groups), 4 * group));
    Value y = b.offset(args[1], at);
    transformVectors(b, b.offset(args[0], at), y, group);
    for (int64_t s = kLanes; s < group; s *= 2)
      combineVectors(b, y, group, s);
  });
  b.endFunction();
}
