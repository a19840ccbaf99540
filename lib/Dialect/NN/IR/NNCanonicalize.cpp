// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Rewrites of nn operations that are true in every phase.

#include "quern/Dialect/NN/IR/NNOps.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quern::nn;

namespace {
/// The last b of the last a rows are the last b rows.
struct MergeLastRows : OpRewritePattern<LastRowsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LastRowsOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<LastRowsOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "input is not nn.last_rows");
    rewriter.modifyOpInPlace(
        op, [&] { op.getInputMutable().assign(inner.getInput()); });
    return success();
  }
};
} // namespace

void LastRowsOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *context) {
  patterns.add<MergeLastRows>(context);
}
