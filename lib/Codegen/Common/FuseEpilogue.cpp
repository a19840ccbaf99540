// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file codegen-fuse-epilogue: residuals added inside linear kernels.

#include "mlir/IR/Builders.h"
#include "quern/Codegen/Passes.h"
#include "quern/Dialect/QK/IR/QKOps.h"

namespace quern::codegen {
#define GEN_PASS_DEF_FUSEEPILOGUEPASS
#include "quern/Codegen/Passes.h.inc"
} // namespace quern::codegen

using namespace mlir;
using namespace quern;

/// `value` as a linear kernel that nothing else uses and that has no residual.
static qk::KernelOp fusableLinear(Value value) {
  auto linear = value.getDefiningOp<qk::KernelOp>();
  if (!linear || linear.getKind() != qk::KernelKind::Linear ||
      !value.hasOneUse() || linear.getInput("residual"))
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

namespace {
struct FuseEpiloguePass
    : codegen::impl::FuseEpiloguePassBase<FuseEpiloguePass> {
  void runOnOperation() override {
    SmallVector<qk::KernelOp> adds;
    getOperation().walk([&](qk::KernelOp kernel) {
      if (kernel.getKind() == qk::KernelKind::Add)
        adds.push_back(kernel);
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
  }
};
} // namespace
