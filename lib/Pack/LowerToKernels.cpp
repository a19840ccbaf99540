// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file pack-lower-to-kernels: a kernel for each operation of the model.

#include "mlir/IR/Builders.h"
#include "quern/Dialect/NN/IR/NNDialect.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamDialect.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKDialect.h"
#include "quern/Dialect/QK/IR/QKOps.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTOps.h"
#include "quern/Pack/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quern::pack {
#define GEN_PASS_DEF_LOWERTOKERNELSPASS
#include "quern/Pack/Passes.h.inc"
} // namespace quern::pack

using namespace quern;

namespace {

/// What to make of one operation: a kind, operands by role, and attributes,
/// which keep the names that they have on the operation.
struct KernelSpec {
  qk::KernelKind kind;
  llvm::SmallVector<std::pair<llvm::StringRef, mlir::Value>> inputs;
  llvm::SmallVector<std::pair<llvm::StringRef, mlir::Attribute>> attributes;
};

/// Rope tables by frequencies and magnitude.
using RopeTables =
    llvm::SmallDenseMap<std::pair<mlir::Attribute, mlir::Attribute>,
                        param::GlobalOp>;

} // namespace

static KernelSpec specOf(nn::EmbeddingOp op) {
  return {qk::KernelKind::Embedding,
          {{"tokens", op.getTokens()}, {"table", op.getTable()}},
          {}};
}

static KernelSpec specOf(nn::RMSNormOp op) {
  return {qk::KernelKind::RMSNorm,
          {{"x", op.getInput()}, {"weight", op.getWeight()}},
          {{"eps", op.getEpsAttr()},
           {"group", op.getGroupAttr()},
           {"unit_offset", op.getUnitOffsetAttr()}}};
}

static KernelSpec specOf(nn::LinearOp op, mlir::Value input) {
  llvm::StringRef compute = op.getInput().getType().getEncoding()
                                ? "int8"
                                : nn::stringifyCompute(op.getCompute());
  return {qk::KernelKind::Linear,
          {{"x", input},
           {"w", op.getWeight()},
           {"bias", op.getBias()},
           {"routing", op.getRouting()}},
          {{"compute", mlir::StringAttr::get(op.getContext(), compute)}}};
}

static KernelSpec specOf(nn::AddOp op) {
  return {
      qk::KernelKind::Add, {{"lhs", op.getLhs()}, {"rhs", op.getRhs()}}, {}};
}

static KernelSpec specOf(nn::GatedActivationOp op) {
  llvm::StringRef name = nn::stringifyActivation(op.getActivation());
  return {qk::KernelKind::GatedActivation,
          {{"gate", op.getGate()}, {"up", op.getUp()}},
          {{"activation", mlir::StringAttr::get(op.getContext(), name)}}};
}

static KernelSpec specOf(nn::LastRowsOp op) {
  return {qk::KernelKind::LastRows,
          {{"x", op.getInput()}, {"rows", op.getRows()}},
          {}};
}

static KernelSpec specOf(nn::RopeOp op, mlir::Value table) {
  return {
      qk::KernelKind::Rope,
      {{"x", op.getInput()}, {"table", table}, {"position", op.getPosition()}},
      {{"head_dim", op.getHeadDimAttr()}}};
}

static KernelSpec specOf(nn::HadamardOp op) {
  return {qk::KernelKind::Hadamard,
          {{"x", op.getInput()}},
          {{"group", op.getGroupAttr()}}};
}

static KernelSpec specOf(nn::GatherColumnsOp op) {
  return {qk::KernelKind::GatherColumns,
          {{"x", op.getInput()}, {"columns", op.getColumns()}},
          {}};
}

static KernelSpec specOf(nn::ScaleColumnsOp op) {
  return {qk::KernelKind::ScaleColumns,
          {{"x", op.getInput()}, {"scales", op.getScales()}},
          {}};
}

static KernelSpec specOf(nn::KVAppendOp op) {
  return {qk::KernelKind::KVAppend,
          {{"key", op.getKey()},
           {"value", op.getValue()},
           {"cache", op.getCache()},
           {"position", op.getPosition()}},
          {{"layer", op.getLayerAttr()}}};
}

static KernelSpec specOf(nn::AttentionOp op) {
  return {qk::KernelKind::Attention,
          {{"query", op.getQuery()},
           {"cache", op.getCache()},
           {"position", op.getPosition()}},
          {{"layer", op.getLayerAttr()},
           {"scale", op.getScaleAttr()},
           {"window", op.getWindowAttr()},
           {"softcap", op.getSoftcapAttr()}}};
}

static KernelSpec specOf(nn::LayerNormOp op) {
  return {qk::KernelKind::LayerNorm,
          {{"x", op.getInput()},
           {"weight", op.getWeight()},
           {"bias", op.getBias()}},
          {{"eps", op.getEpsAttr()}}};
}

static KernelSpec specOf(nn::ActivationOp op) {
  llvm::StringRef name = nn::stringifyActivation(op.getActivation());
  return {qk::KernelKind::Activation,
          {{"x", op.getInput()}},
          {{"activation", mlir::StringAttr::get(op.getContext(), name)}}};
}

static KernelSpec specOf(nn::AddPositionsOp op) {
  return {qk::KernelKind::AddPositions,
          {{"x", op.getInput()},
           {"table", op.getTable()},
           {"position", op.getPosition()}},
          {}};
}

static KernelSpec specOf(nn::RouteOp op) {
  return {qk::KernelKind::Route,
          {{"x", op.getLogits()}},
          {{"top", op.getTopAttr()}, {"normalized", op.getNormalizedAttr()}}};
}

static KernelSpec specOf(nn::DispatchOp op) {
  return {qk::KernelKind::Dispatch,
          {{"x", op.getInput()}, {"routing", op.getRouting()}},
          {{"experts", op.getExpertsAttr()}}};
}

static KernelSpec specOf(nn::CombineOp op) {
  return {qk::KernelKind::Combine,
          {{"x", op.getInput()}, {"routing", op.getRouting()}},
          {{"experts", op.getExpertsAttr()}}};
}

static KernelSpec specOf(nn::ScaleOp op) {
  return {qk::KernelKind::Scale,
          {{"x", op.getInput()}},
          {{"factor", op.getFactorAttr()}}};
}

static KernelSpec specOf(nn::SoftcapOp op) {
  return {qk::KernelKind::Softcap,
          {{"x", op.getInput()}},
          {{"softcap", op.getCapAttr()}}};
}

static KernelSpec specOf(qt::QuantizeOp op) {
  return {qk::KernelKind::Quantize, {{"x", op.getInput()}}, {}};
}

static void replace(mlir::Operation *op, const KernelSpec &spec) {
  mlir::OpBuilder builder(op);
  llvm::SmallVector<mlir::Value> inputs;
  llvm::SmallVector<llvm::StringRef> roles;
  for (auto [role, value] : spec.inputs) {
    if (!value)
      continue; // an optional operand that is not there
    roles.push_back(role);
    inputs.push_back(value);
  }
  auto kernel = qk::KernelOp::create(
      builder, op->getLoc(), op->getResultTypes(), spec.kind, inputs,
      builder.getStrArrayAttr(roles), /*tile=*/nullptr);
  for (auto [name, attribute] : spec.attributes)
    if (attribute)
      kernel->setDiscardableAttr(name, attribute);
  op->replaceAllUsesWith(kernel->getResults());
  op->erase();
}

static mlir::LogicalResult lowerRope(nn::RopeOp rope,
                                     const RopeTables &tables) {
  auto table =
      tables.find({rope.getInverseFrequenciesAttr(), rope.getMagnitudeAttr()});
  if (table == tables.end())
    return rope.emitOpError()
           << "expects a #nn.rope_table weight with its inverse frequencies, "
              "but got none";
  mlir::OpBuilder builder(rope);
  param::GlobalOp global = table->second;
  mlir::Value loaded = param::LoadOp::create(
      builder, rope.getLoc(), global.getTensorType(), global.getSymName());
  replace(rope, specOf(rope, loaded));
  return mlir::success();
}

/// `x` rounded to bfloat16 by a kernel of its own, so that linears that read it
/// share the work.
static mlir::Value roundToBf16(nn::LinearOp linear) {
  mlir::OpBuilder builder(linear);
  mlir::RankedTensorType type = linear.getInput().getType();
  const numerics::Format &bf16 =
      *numerics::FormatRegistry::builtin().lookup("bf16");
  auto rounded = mlir::RankedTensorType::get(
      type.getShape(), type.getElementType(),
      qt::FormatAttr::get(linear.getContext(), bf16));
  auto kernel = qk::KernelOp::create(
      builder, linear.getLoc(), rounded, qk::KernelKind::Quantize,
      linear.getInput(), builder.getStrArrayAttr({"x"}), /*tile=*/nullptr);
  return kernel->getResult(0);
}

static mlir::LogicalResult lowerLinear(nn::LinearOp linear) {
  bool isBf16 = linear.getCompute() == nn::Compute::BF16 &&
                !linear.getInput().getType().getEncoding();
  replace(linear,
          specOf(linear, isBf16 ? roundToBf16(linear) : linear.getInput()));
  return mlir::success();
}

static mlir::LogicalResult lower(mlir::Operation *op,
                                 const RopeTables &tables) {
  return llvm::TypeSwitch<mlir::Operation *, mlir::LogicalResult>(op)
      .Case([&](nn::RopeOp rope) { return lowerRope(rope, tables); })
      .Case([](nn::LinearOp linear) { return lowerLinear(linear); })
      .Case<nn::EmbeddingOp, nn::RMSNormOp, nn::AddOp, nn::GatedActivationOp,
            nn::LayerNormOp, nn::ActivationOp, nn::AddPositionsOp, nn::ScaleOp,
            nn::SoftcapOp, nn::RouteOp, nn::DispatchOp, nn::CombineOp,
            nn::LastRowsOp, nn::HadamardOp, nn::GatherColumnsOp,
            nn::ScaleColumnsOp, nn::KVAppendOp, nn::AttentionOp,
            qt::QuantizeOp>([](auto lowered) {
        replace(lowered, specOf(lowered));
        return mlir::success();
      })
      .Default([](mlir::Operation *other) {
        return other->emitOpError()
               << "expects an operation that has a kernel, but got '"
               << other->getName().getStringRef() << "'";
      });
}

namespace {
struct LowerToKernels
    : public pack::impl::LowerToKernelsPassBase<LowerToKernels> {
  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    RopeTables tables;
    for (auto global : module.getOps<param::GlobalOp>())
      if (auto table = llvm::dyn_cast<nn::RopeTableAttr>(global.getValue()))
        tables.try_emplace(
            {table.getInverseFrequencies(), table.getMagnitude()}, global);
    llvm::SmallVector<mlir::Operation *> ops;
    module.walk([&](mlir::Operation *op) {
      if (llvm::isa_and_nonnull<nn::NNDialect, qt::QTDialect>(op->getDialect()))
        ops.push_back(op);
    });
    for (mlir::Operation *op : ops)
      if (failed(lower(op, tables)))
        return signalPassFailure();
  }
};
} // namespace
