// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The calls of kernels of experts.

#include "ForwardBuilder.h"
#include "KernelFacts.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// Of a kernel whose operand `routing` says who goes where.
static int64_t topOf(qk::KernelOp kernel) {
  return widthOf(kernel.getInput("routing")) / 2;
}

LogicalResult ForwardBuilder::lowerRoute(qk::KernelOp kernel) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  RoutingSpec spec{widthOf(x), integerOr(kernel, "top", 1)};
  bool isNormalized = kernel->hasAttr("normalized");
  scratchBytes = std::max(scratchBytes, spec.scratchBytes());
  viewRows[y] = rowsOf(x);
  return call(kernel, keyOf("route", spec.experts, spec.top, isNormalized),
              [&](StringRef name) {
                emitRouteKernel(kernels, name, spec, isNormalized);
                return Status::ok();
              },
              {address(x), address(y), rowsOf(x), scratch, worker, workers});
}

/// dispatch and combine, from one row a token to one a choice and back.
LogicalResult ForwardBuilder::lowerExpertRows(qk::KernelOp kernel) {
  bool isDispatch = kernel.getKind() == qk::KernelKind::Dispatch;
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  Value routing = kernel.getInput("routing");
  RoutingSpec spec{integerOr(kernel, "experts", 1), topOf(kernel)};
  int64_t width = widthOf(x);
  scratchBytes = std::max(scratchBytes, spec.scratchBytes());
  Value tokens = rowsOf(routing);
  viewRows[y] = isDispatch ? b.mul(tokens, spec.top) : tokens;
  return call(
      kernel,
      keyOf(isDispatch ? "dispatch" : "combine", spec.experts, spec.top, width),
      [&](StringRef name) {
        isDispatch ? emitDispatchKernel(kernels, name, spec, width)
                   : emitCombineKernel(kernels, name, spec, width);
        return Status::ok();
      },
      {address(x), address(y), address(routing), tokens, scratch, worker,
       workers});
}

/// Calls the linear kernel `linear` for the rows of each expert; `operands` are
/// those of that kernel, where the number of rows is that of tokens.
LogicalResult ForwardBuilder::callRouted(qk::KernelOp kernel,
                                         const std::string &linear,
                                         const LinearSpec &spec,
                                         Values operands) {
  int64_t columns = widthOf(kernel->getResult(0));
  auto weight = cast<RankedTensorType>(kernel.getInput("w").getType());
  if (columns % kPanelRows != 0)
    return kernel.emitOpError()
           << "expects experts whose rows are a multiple of " << kPanelRows
           << ", but got " << columns;
  RoutingSpec routing{weight.getDimSize(0) / columns, topOf(kernel)};
  scratchBytes = std::max(scratchBytes, routing.scratchBytes());
  operands.append({address(kernel.getInput("routing")), scratch});
  return call(
      kernel, keyOf("routed", linear, routing.experts, routing.top),
      [&](StringRef name) {
        emitRoutedLinearKernel(kernels, name, linear, spec, routing);
        return Status::ok();
      },
      operands);
}
