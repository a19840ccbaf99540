// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Evaluation of the qk dialect: a kernel computes what the nn operation
// of its kind computes, whatever its tile.

#include "quern/Dialect/QK/IR/QKOps.h"
#include "Mismatch.h"
#include "Scope.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Reference/Math.h"
#include "quern/Reference/Quantize.h"

using namespace quern;
using namespace quern::reference;

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

static Status evalPack(qk::PackOp op, Scope &scope) {
  return scope.set(op.getBytes(), pack(scope.tensor(op.getInput()),
                                       op.getLayout().getLayout()));
}

static Status evalUnpack(qk::UnpackOp op, Scope &scope) {
  mlir::RankedTensorType type = op.getResult().getType();
  return scope.set(op.getResult(),
                   unpack(scope.tensor(op.getBytes()),
                          op.getLayout().getLayout(),
                          qt::getFormatAttr(type).getFormat(),
                          type.getDimSize(0), type.getDimSize(1)));
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Operands by role and attributes by name; the verifier makes sure that those
/// of the kind are there.
namespace {
struct Kernel {
  qk::KernelOp op;
  Scope &scope;

  const Tensor &tensor(llvm::StringRef role) {
    return scope.tensor(op.getInput(role));
  }
  const Tensor *tensorOrNull(llvm::StringRef role) {
    return scope.tensorOrNull(op.getInput(role));
  }
  int64_t index(llvm::StringRef role) { return tensor(role).index(); }
  KVCache &cache() { return scope.cache(op.getInput("cache")); }

  int64_t integer(llvm::StringRef name, int64_t otherwise = 0) {
    auto attr = op->getAttrOfType<mlir::IntegerAttr>(name);
    return attr ? attr.getInt() : otherwise;
  }
  double real(llvm::StringRef name, double otherwise = 0) {
    auto attr = op->getAttrOfType<mlir::FloatAttr>(name);
    return attr ? attr.getValueAsDouble() : otherwise;
  }
  llvm::StringRef string(llvm::StringRef name) {
    return op->getAttrOfType<mlir::StringAttr>(name).getValue();
  }
};
} // namespace

static Result<Tensor> runLinear(Kernel &kernel) {
  // int8 needs no case: its operands are coded, and decoding them is exact.
  const numerics::FloatType *rounding = kernel.string("compute") == "bf16"
                                            ? numerics::lookupFloatType("bf16")
                                            : nullptr;
  const Tensor &x = kernel.tensor("x"), &w = kernel.tensor("w");
  const Tensor *bias = kernel.tensorOrNull("bias");
  const Tensor *routing = kernel.tensorOrNull("routing");
  auto type = llvm::cast<mlir::RankedTensorType>(
      kernel.op.getOutputs().front().getType());
  Result<Tensor> product =
      routing ? routedLinear(x, w, bias, *routing, type.getDimSize(1), rounding)
              : linear(x, w, bias, rounding);
  if (const Tensor *residual = kernel.tensorOrNull("residual"); product)
    product = residual ? add(*product, *residual) : product;
  double cap = kernel.real("softcap");
  return product && cap > 0 ? softcap(*product, cap) : product;
}

static Result<Tensor> runRMSNorm(Kernel &kernel) {
  const Tensor &x = kernel.tensor("x");
  return rmsNorm(x, kernel.tensor("weight"), kernel.real("eps"),
                 kernel.integer("group", /*otherwise=*/x.cols()),
                 kernel.op->hasAttr("unit_offset") ? 1 : 0);
}

static Result<Tensor> runRope(Kernel &kernel) {
  return rope(kernel.tensor("x"), kernel.integer("head_dim"),
              kernel.tensor("table"), kernel.index("position"));
}

static Result<Tensor> runAttention(Kernel &kernel) {
  return attention(
      kernel.tensor("query"), kernel.cache(), kernel.integer("layer"),
      kernel.index("position"),
      {kernel.real("scale"), kernel.integer("window"), kernel.real("softcap")});
}

/// Every kind but kv_append, which has no result.
static Result<Tensor> runKernel(Kernel &kernel) {
  switch (kernel.op.getKind()) {
  case qk::KernelKind::Embedding:
    return embedding(kernel.tensor("tokens"), kernel.tensor("table"));
  case qk::KernelKind::RMSNorm:
    return runRMSNorm(kernel);
  case qk::KernelKind::Linear:
    return runLinear(kernel);
  case qk::KernelKind::Rope:
    return runRope(kernel);
  case qk::KernelKind::Attention:
    return runAttention(kernel);
  case qk::KernelKind::Add:
    return add(kernel.tensor("lhs"), kernel.tensor("rhs"));
  case qk::KernelKind::GatedActivation:
    return gatedActivation(lookupActivation(kernel.string("activation").str()),
                           kernel.tensor("gate"), kernel.tensor("up"));
  case qk::KernelKind::LayerNorm:
    return layerNorm(kernel.tensor("x"), kernel.tensor("weight"),
                     kernel.tensorOrNull("bias"), kernel.real("eps"));
  case qk::KernelKind::Activation:
    return activate(lookupActivation(kernel.string("activation").str()),
                    kernel.tensor("x"));
  case qk::KernelKind::AddPositions:
    return addPositions(kernel.tensor("x"), kernel.tensor("table"),
                        kernel.index("position"));
  case qk::KernelKind::Route:
    return route(kernel.tensor("x"), kernel.integer("top"),
                 kernel.op->hasAttr("normalized"));
  case qk::KernelKind::Dispatch:
    return dispatch(kernel.tensor("x"), kernel.tensor("routing"),
                    kernel.integer("experts"));
  case qk::KernelKind::Combine:
    return combine(kernel.tensor("x"), kernel.tensor("routing"),
                   kernel.integer("experts"));
  case qk::KernelKind::Scale:
    return scale(kernel.tensor("x"), float(kernel.real("factor")));
  case qk::KernelKind::Softcap:
    return softcap(kernel.tensor("x"), kernel.real("softcap"));
  case qk::KernelKind::LastRows:
    return lastRows(kernel.tensor("x"), kernel.index("rows"));
  case qk::KernelKind::Quantize: // the type of the result does it
    return kernel.tensor("x");
  case qk::KernelKind::Hadamard:
    return hadamard(kernel.tensor("x"), kernel.integer("group"));
  case qk::KernelKind::GatherColumns:
    return gatherColumns(kernel.tensor("x"), kernel.tensor("columns"));
  case qk::KernelKind::ScaleColumns:
    return scaleColumns(kernel.tensor("x"), kernel.tensor("scales"));
  case qk::KernelKind::KVAppend:
    break;
  }
  return mismatch("a kernel with a result", "kv_append");
}

static Status evalKernel(qk::KernelOp op, Scope &scope) {
  Kernel kernel{op, scope};
  if (op.getKind() == qk::KernelKind::KVAppend)
    return kernel.cache().append(kernel.integer("layer"),
                                 kernel.index("position"), kernel.tensor("key"),
                                 kernel.tensor("value"));
  mlir::Value output = op.getOutputs().front();
  Result<Tensor> result = runKernel(kernel);
  qt::FormatAttr format = qt::getFormatAttr(output.getType());
  if (result && format)
    result = quantize(*result, format.getFormat());
  return scope.set(output, result);
}

void reference::addQKOps(OpTable &table) {
  table.add(evalPack);
  table.add(evalUnpack);
  table.add(evalKernel);
}
