// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file codegen-fuse-epilogue: residuals added, and results capped, inside
// linear kernels.

#include "mlir/IR/Builders.h"
#include "quern/Codegen/Passes.h"
#include "quern/Dialect/QK/IR/QKOps.h"

namespace quern::codegen {
#define GEN_PASS_DEF_FUSEEPILOGUEPASS
#include "quern/Codegen/Passes.h.inc"
} // namespace quern::codegen

using namespace mlir;
using namespace quern;

/// `value` as a linear kernel that nothing else uses and that does not end with
/// a residual or a cap.
static qk::KernelOp fusableLinear(Value value) {
  auto linear = value.getDefiningOp<qk::KernelOp>();
  if (!linear || linear.getKind() != qk::KernelKind::Linear ||
      !value.hasOneUse() || linear.getInput("residual") ||
      linear->hasAttr("softcap"))
    return nullptr;
  return linear;
}

static void fuse(qk::KernelOp add, qk::KernelOp linear, Value residual) {
  OpBuilder builder(add);
  SmallVector<Value> inputs(linear.getInputs());
  inputs.push_back(residual);
  SmallVector<Attribute> roles(linear.getOperandRoles().getValue());
  roles.push_back(builder.getStringAttr("residual"));
  auto fused = qk::KernelOp::create(
      builder, builder.getFusedLoc({linear.getLoc(), add.getLoc()}),
      add->getResultTypes(), qk::KernelKind::Linear, inputs,
      builder.getArrayAttr(roles), linear.getTileAttr());
  fused->setDiscardableAttrs(linear->getDiscardableAttrDictionary());
  add->replaceAllUsesWith(fused->getResults());
  add.erase();
  linear.erase();
}

/// Makes the cap of the product, with its residual if it has one, the
/// product's.
static void fuseSoftcap(qk::KernelOp softcap) {
  Value x = softcap.getInput("x");
  auto linear = x.getDefiningOp<qk::KernelOp>();
  if (!linear || linear.getKind() != qk::KernelKind::Linear || !x.hasOneUse() ||
      linear->hasAttr("softcap"))
    return;
  linear->setAttr("softcap", softcap->getAttr("softcap"));
  linear->setLoc(
      FusedLoc::get(softcap.getContext(), {linear.getLoc(), softcap.getLoc()}));
  softcap->replaceAllUsesWith(linear->getResults());
  softcap.erase();
}

namespace {
struct FuseEpiloguePass
    : codegen::impl::FuseEpiloguePassBase<FuseEpiloguePass> {
  void runOnOperation() override {
    SmallVector<qk::KernelOp> adds, softcaps;
    getOperation().walk([&](qk::KernelOp kernel) {
      if (kernel.getKind() == qk::KernelKind::Add)
        adds.push_back(kernel);
      if (kernel.getKind() == qk::KernelKind::Softcap)
        softcaps.push_back(kernel);
    });
    for (qk::KernelOp add : adds) {
      Value lhs = add.getInput("lhs"), rhs = add.getInput("rhs");
      if (lhs == rhs)
        continue;
      if (qk::KernelOp linear = fusableLinear(rhs))
        fuse(add, linear, lhs);
      else if (qk::KernelOp linear = fusableLinear(lhs))
        fuse(add, linear, rhs);
    }
    for (qk::KernelOp softcap : softcaps)
      fuseSoftcap(softcap);
  }
};
} // namespace
