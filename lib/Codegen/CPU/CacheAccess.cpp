// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The KV cache: addresses, conversion, and the kernel that fills it.

#include "CacheAccess.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Numerics/Encode.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

Value CacheAccess::keyBlock(Value head, Value block) {
  Value ofHead =
      b.mul(b.mul(head, capacity), shape.headDim * shape.elementBytes());
  Value ofBlock = b.mul(block, kLanes * shape.headDim * shape.elementBytes());
  return b.offset(layer, b.add(ofHead, ofBlock));
}

Value CacheAccess::valueRow(Value head, Value position) {
  Value values = b.mul(capacity, shape.keyBytesPerToken());
  Value row = b.mul(b.add(b.mul(head, capacity), position),
                    shape.valueDim() * shape.elementBytes());
  return b.offset(layer, b.add(values, row));
}

static const numerics::FloatType &f16() { return *lookupFloatType("f16"); }

Value CacheAccess::load(Value address) {
  if (!shape.isF16)
    return b.loadVector(address);
  VectorValues v(b);
  Value narrow = b.load(b.vectorOf(b.getI16Type()), address, 2);
  Value code = arith::ExtUIOp::create(b, b.vectorOf(b.getI32Type()), narrow);
  return decodeFloat(v, f16(), code);
}

void CacheAccess::store(Value vector, Value address) {
  if (!shape.isF16)
    return b.store(vector, address, 4);
  VectorValues v(b);
  Value code = encodeFloat(v, f16(), vector);
  b.store(arith::TruncIOp::create(b, b.vectorOf(b.getI16Type()), code), address,
          2);
}

void CacheAccess::storeScalar(Value scalar, Value address) {
  if (!shape.isF16)
    return b.store(scalar, address, 4);
  VectorValues v(b, /*scalar=*/true);
  Value code = encodeFloat(v, f16(), scalar);
  b.store(arith::TruncIOp::create(b, b.getI16Type(), code), address, 2);
}

/// One head of one token.
static void appendHead(KernelBuilder &b, const CacheShape &shape,
                       CacheAccess &cache, Value key, Value value, Value head,
                       Value position) {
  int64_t bytes = shape.elementBytes();
  Value block = cache.keyBlock(head, b.div(position, kLanes));
  Value lane = b.offset(block, b.mul(b.rem(position, kLanes), bytes));
  b.loop(b.i64(0), b.i64(shape.headDim), 1, [&](Value d) {
    Value component = b.loadF32(b.offset(key, b.mul(d, 4)));
    cache.storeScalar(component, b.offset(lane, b.mul(d, kLanes * bytes)));
  });
  Value row = cache.valueRow(head, position);
  int64_t whole = shape.headDim / kLanes * kLanes;
  b.loop(b.i64(0), b.i64(whole), kLanes, [&](Value d) {
    cache.store(b.loadVector(b.offset(value, b.mul(d, 4))),
                b.offset(row, b.mul(d, bytes)));
  });
  if (whole != shape.headDim) // the row's padding becomes zero
    cache.store(b.loadVectorPart(b.offset(value, 4 * whole),
                                 b.i64(shape.headDim - whole)),
                b.offset(row, whole * bytes));
}

void codegen::emitKvAppendKernel(KernelBuilder &b, StringRef name,
                                 const CacheShape &shape) {
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, i, i, i, i, i}).getArguments();
  int64_t width = shape.heads * shape.headDim;
  int64_t stride = ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
  CacheAccess cache(b, shape, args[2], args[5]);
  // Heads vary slowest, so that no two workers write into one block of keys.
  Value tokens = args[3];
  auto [begin, end] = b.share(b.i64(shape.heads), args[6], args[7]);
  b.loop(begin, end, 1, [&](Value head) {
    b.loop(b.i64(0), tokens, 1, [&](Value token) {
      Value at = b.add(b.mul(token, stride), b.mul(head, 4 * shape.headDim));
      appendHead(b, shape, cache, b.offset(args[0], at), b.offset(args[1], at),
                 head, b.add(args[4], token));
    });
  });
  b.endFunction();
}
