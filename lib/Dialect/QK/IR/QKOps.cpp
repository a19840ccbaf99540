// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Accessors, effects and folds of qk operations.

#include "quern/Dialect/QK/IR/QKOps.h"

using namespace mlir;
using namespace quern::qk;

OpFoldResult UnpackOp::fold(FoldAdaptor) {
  // The layout is a bijection on the codes, so that they come back as they
  // were.
  auto pack = getBytes().getDefiningOp<PackOp>();
  if (!pack || pack.getLayout() != getLayout() ||
      pack.getInput().getType() != getType())
    return {};
  return pack.getInput();
}

Value KernelOp::getInput(StringRef role) {
  for (auto [name, input] : llvm::zip(getOperandRoles(), getInputs()))
    if (cast<StringAttr>(name).getValue() == role)
      return input;
  return {};
}

void KernelOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (auto [name, input] : llvm::zip(getOperandRoles(), getInputsMutable())) {
    if (cast<StringAttr>(name).getValue() != "cache")
      continue;
    if (getKind() == KernelKind::KVAppend)
      effects.emplace_back(MemoryEffects::Write::get(), &input);
    else
      effects.emplace_back(MemoryEffects::Read::get(), &input);
  }
}
