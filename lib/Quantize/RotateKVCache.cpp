// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file quantize-rotate-kv-cache: rotate keys and values before they are coded.
//
// What llama.cpp does to quantized caches, with the matrix that QuaRot
// (Ashkboos et al., 2024) uses for them.

#include "mlir/IR/Builders.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Quantize/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace quern::quantize {
#define GEN_PASS_DEF_ROTATEKVCACHEPASS
#include "quern/Quantize/Passes.h.inc"
} // namespace quern::quantize

using namespace quern;

static mlir::LogicalResult checkHeads(mlir::Operation *op,
                                      nn::KVCacheType cache) {
  if (llvm::isPowerOf2_64(cache.getHeadDim()))
    return mlir::success();
  return op->emitOpError() << "expects a head dimension that is a power of two "
                              "to rotate the KV cache, but got "
                           << cache.getHeadDim();
}

/// Makes `operand` read its rotated value.
static void rotateOperand(mlir::OpOperand &operand, int64_t headDim) {
  mlir::Operation *op = operand.getOwner();
  mlir::OpBuilder builder(op);
  operand.set(nn::HadamardOp::create(builder, op->getLoc(),
                                     operand.get().getType(), operand.get(),
                                     builder.getI64IntegerAttr(headDim)));
}

namespace {
struct RotateKVCache
    : public quantize::impl::RotateKVCachePassBase<RotateKVCache> {
  void runOnOperation() override {
    mlir::WalkResult result = getOperation().walk([](mlir::Operation *op) {
      if (auto append = llvm::dyn_cast<nn::KVAppendOp>(op))
        return mlir::WalkResult(rotate(append));
      if (auto attention = llvm::dyn_cast<nn::AttentionOp>(op))
        return mlir::WalkResult(rotate(attention));
      return mlir::WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  static mlir::LogicalResult rotate(nn::KVAppendOp append) {
    nn::KVCacheType cache = append.getCache().getType();
    if (mlir::failed(checkHeads(append, cache)))
      return mlir::failure();
    rotateOperand(append.getKeyMutable(), cache.getHeadDim());
    rotateOperand(append.getValueMutable(), cache.getHeadDim());
    return mlir::success();
  }

  static mlir::LogicalResult rotate(nn::AttentionOp attention) {
    nn::KVCacheType cache = attention.getCache().getType();
    if (mlir::failed(checkHeads(attention, cache)))
      return mlir::failure();
    rotateOperand(attention.getQueryMutable(), cache.getHeadDim());
    mlir::OpBuilder builder(attention->getContext());
    builder.setInsertionPointAfter(attention);
    auto back = nn::HadamardOp::create(
        builder, attention.getLoc(), attention.getType(), attention,
        builder.getI64IntegerAttr(cache.getHeadDim()));
    attention.getResult().replaceAllUsesExcept(back, back);
    return mlir::success();
  }
};
} // namespace
