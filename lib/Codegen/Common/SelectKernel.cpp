// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file codegen-select-kernel: which generated code a kernel becomes.

#include "quern/Codegen/CPU/DecodeRecipe.h"
#include "quern/Codegen/CPU/KernelTypes.h"
#include "quern/Codegen/CPU/Target.h"
#include "quern/Codegen/Passes.h"
#include "quern/Dialect/QK/IR/QKDialect.h"

namespace quern::codegen {
#define GEN_PASS_DEF_SELECTKERNELPASS
#include "quern/Codegen/Passes.h.inc"
} // namespace quern::codegen

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// The tile of a linear kernel, after checking that it can be generated.
static FailureOr<qk::TileAttr>
selectLinear(qk::KernelOp kernel, const CpuTarget &target, bool explain) {
  Result<LinearSpec> spec = linearSpec(kernel);
  if (spec)
    if (Status status = checkLinearKernel(*spec); !status)
      spec = status;
  if (!spec)
    return kernel.emitOpError() << spec.status().message();
  if (explain)
    emitRemark(kernel.getLoc())
        << explainDecode(*spec, target, kernel.getContext());
  static const char *const computes[] = {"f32", "bf16", "int8"};
  return qk::TileAttr::get(
      kernel.getContext(), target.isa, computes[int(spec->input.kind)],
      tileRows(target, *spec), target.tilePanels * kPanelRows);
}

namespace {
struct SelectKernelPass
    : codegen::impl::SelectKernelPassBase<SelectKernelPass> {
  using Base::Base;

  void runOnOperation() override {
    const CpuTarget *target = lookupCpuTarget(isa);
    if (!target) {
      getOperation().emitError() << "expects isa to be " << listCpuTargets()
                                 << ", but got '" << isa << "'";
      return signalPassFailure();
    }
    WalkResult result = getOperation().walk([&](qk::KernelOp kernel) {
      FailureOr<qk::TileAttr> tile =
          qk::TileAttr::get(kernel.getContext(), target->isa, "f32", 1, kLanes);
      if (kernel.getKind() == qk::KernelKind::Linear)
        tile = selectLinear(kernel, *target, explain);
      if (failed(tile))
        return WalkResult::interrupt();
      kernel.setTileAttr(*tile);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
