// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Everything that can reject an attribute or operation of qk.

#include "quern/Dialect/QK/IR/QKOps.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"

using namespace mlir;
using namespace quern;
using namespace quern::qk;

LogicalResult TileAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               StringAttr isa, StringAttr compute, int64_t rows,
                               int64_t columns) {
  if (isa.empty() || compute.empty())
    return emitError() << "expects an isa and a compute type that are not "
                          "empty, but got "
                       << isa << " and " << compute;
  if (rows <= 0 || columns <= 0)
    return emitError() << "expects positive rows and columns, but got " << rows
                       << " and " << columns;
  return success();
}

//===----------------------------------------------------------------------===//
// Pack and unpack
//===----------------------------------------------------------------------===//

/// Verifies that `layout` puts `tensor` into `bytes`.
static LogicalResult verifyPacking(Operation *op, RankedTensorType tensor,
                                   LayoutAttr layout, RankedTensorType bytes) {
  // pack_c1, unpack_c1: the format is in the type constraint
  if (!tensor.hasStaticShape())
    return op->emitOpError()
           << "expects a tensor of static shape, but got " << tensor;
  int64_t rows = tensor.getDimSize(0);
  int64_t cols = tensor.getDimSize(1);
  // pack_c2, unpack_c2
  Status status = numerics::checkLayout(
      layout.getLayout(), qt::getFormatAttr(tensor).getFormat(), rows, cols);
  if (!status)
    return op->emitOpError() << status.message();
  // pack_c3, unpack_c3
  int64_t size = numerics::layoutBytes(layout.getLayout(), rows, cols);
  if (bytes.getDimSize(0) != size)
    return op->emitOpError()
           << "expects " << size << " bytes, but got " << bytes.getDimSize(0);
  return success();
}

LogicalResult PackOp::verify() {
  return verifyPacking(*this, getInput().getType(), getLayout(),
                       getBytes().getType());
}

LogicalResult UnpackOp::verify() {
  return verifyPacking(*this, getType(), getLayout(), getBytes().getType());
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {
/// What a kind of kernel takes; the table of QKOps.td.
struct KernelSignature {
  SmallVector<StringRef> roles;
  SmallVector<StringRef> attributes;
  SmallVector<StringRef> optionalRoles = {};
};
} // namespace

static KernelSignature signatureOf(KernelKind kind) {
  switch (kind) {
  case KernelKind::Embedding:
    return {{"tokens", "table"}, {}};
  case KernelKind::RMSNorm:
    return {{"x", "weight"}, {"eps"}};
  case KernelKind::Linear:
    return {{"x", "w"}, {"compute"}, {"bias", "residual"}};
  case KernelKind::Rope:
    return {{"x", "table", "position"}, {"head_dim"}};
  case KernelKind::KVAppend:
    return {{"key", "value", "cache", "position"}, {"layer"}};
  case KernelKind::Attention:
    return {{"query", "cache", "position"}, {"layer", "scale"}};
  case KernelKind::Add:
    return {{"lhs", "rhs"}, {}};
  case KernelKind::GatedActivation:
    return {{"gate", "up"}, {"activation"}};
  case KernelKind::LastRows:
    return {{"x", "rows"}, {}};
  case KernelKind::Quantize:
    return {{"x"}, {}};
  }
  return {};
}

/// Verifies that `roles` is the required ones and then some of the optional
/// ones, in order.
static LogicalResult verifyRoles(KernelOp op,
                                 const KernelSignature &signature) {
  SmallVector<StringRef> roles(
      op.getOperandRoles().getAsValueRange<StringAttr>());
  size_t required = signature.roles.size();
  bool fits = roles.size() >= required &&
              ArrayRef(roles).take_front(required) == ArrayRef(signature.roles);
  size_t next = required;
  for (StringRef role : signature.optionalRoles)
    if (fits && next < roles.size() && roles[next] == role)
      ++next;
  if (fits && next == roles.size())
    return success();
  InFlightDiagnostic diagnostic = op.emitOpError() << "expects the roles [";
  llvm::interleaveComma(signature.roles, diagnostic);
  for (StringRef role : signature.optionalRoles)
    diagnostic << ", (" << role << ")";
  diagnostic << "] for kind " << stringifyKernelKind(op.getKind())
             << ", but got [";
  llvm::interleaveComma(roles, diagnostic);
  return diagnostic << "]";
}

LogicalResult KernelOp::verify() {
  // kernel_c1
  if (getOperandRoles().size() != getInputs().size())
    return emitOpError() << "expects a role for each of " << getInputs().size()
                         << " operands, but got " << getOperandRoles().size();
  // kernel_c2
  KernelSignature signature = signatureOf(getKind());
  if (failed(verifyRoles(*this, signature)))
    return failure();
  // kernel_c3
  for (StringRef name : signature.attributes)
    if (!(*this)->hasAttr(name))
      return emitOpError() << "expects the attribute '" << name << "' for kind "
                           << stringifyKernelKind(getKind())
                           << ", but got none";
  // kernel_c4
  size_t results = getKind() == KernelKind::KVAppend ? 0 : 1;
  if (getOutputs().size() != results)
    return emitOpError() << "expects " << results << " results for kind "
                         << stringifyKernelKind(getKind()) << ", but got "
                         << getOutputs().size();
  return success();
}
