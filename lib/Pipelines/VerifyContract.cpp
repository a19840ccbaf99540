// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file quant-verify-contract: what is legal between two phases.

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "quern/Dialect/NN/IR/NNDialect.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKOps.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Dialect/QT/IR/QTOps.h"
#include "quern/Pipelines/Contract.h"
#include "quern/Pipelines/Passes.h"

namespace quern::pipelines {
#define GEN_PASS_DEF_VERIFYCONTRACTPASS
#include "quern/Pipelines/Passes.h.inc"
} // namespace quern::pipelines

using namespace mlir;
using namespace quern;
using namespace quern::pipelines;

/// Constants beyond this size are weights that bypass `param`.
static constexpr int64_t maxConstantBytes = 1024;

static constexpr StringLiteral stageNames[] = {
    "imported", "calibrated", "quantized", "packed", "kernels"};

std::optional<Stage> pipelines::stageOf(StringRef name) {
  const auto *found = llvm::find(stageNames, name);
  if (found == std::end(stageNames))
    return std::nullopt;
  return static_cast<Stage>(found - std::begin(stageNames));
}

namespace {
/// Checks one module against the contract of one stage.
class ContractVerifier {
public:
  explicit ContractVerifier(Stage stage) : stage(stage) {}

  LogicalResult run(ModuleOp module);

private:
  bool isPacked() const { return stage >= Stage::Packed; }
  bool isQuantized() const { return stage >= Stage::Quantized; }

  bool isLegal(Operation *op) const;
  StringRef legalOperations() const;
  StringRef hintFor(Operation *op) const;

  void verifyOperation(Operation *op);
  void verifyConstant(arith::ConstantOp constant);
  void verifyOperands(Operation *op);
  void verifyGlobal(param::GlobalOp global);
  void verifyLayout(param::GlobalOp global);

  /// Reports what the stage expects of `op` and got, and who mends that.
  void report(Operation *op, const Twine &expectation, StringRef hint) {
    InFlightDiagnostic diagnostic = op->emitOpError()
                                    << "in stage '"
                                    << stageNames[static_cast<size_t>(stage)]
                                    << "' expects " << expectation;
    diagnostic.attachNote() << hint;
    hasFailed = true;
  }

  Stage stage;
  bool hasFailed = false;
};
} // namespace

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

bool ContractVerifier::isLegal(Operation *op) const {
  if (isa<func::FuncOp, func::ReturnOp, param::GlobalOp, param::LoadOp,
          arith::ConstantOp>(op))
    return true;
  if (isPacked())
    return isa<qk::KernelOp>(op);
  if (isa<qt::QuantizeOp, qt::DequantizeOp>(op))
    return isQuantized();
  return isa_and_present<nn::NNDialect>(op->getDialect());
}

StringRef ContractVerifier::legalOperations() const {
  if (isPacked())
    return "func, param, arith.constant or qk.kernel";
  if (isQuantized())
    return "func, param, arith.constant, nn, qt.quantize or qt.dequantize";
  return "func, param, arith.constant or nn";
}

StringRef ContractVerifier::hintFor(Operation *op) const {
  if (isa<qt::ObserveOp>(op))
    return "calibration removes its observers when it ends";
  if (isa<qt::DequantizeOp>(op))
    return isPacked() ? "no kernel only decodes; a kernel reads the encoded "
                        "value itself"
                      : "quantize-quantize-activations and what reads its "
                        "codes come after this stage";
  if (isa<qt::QuantizeOp>(op))
    return isPacked() ? "pack-lower-to-kernels replaces it"
                      : "quantize-quantize-activations inserts it, after this "
                        "stage";
  if (isa<qk::KernelOp>(op))
    return "pack-lower-to-kernels makes kernels, after this stage";
  if (isa_and_present<nn::NNDialect>(op->getDialect()))
    return "pack-lower-to-kernels replaces it";
  return "no phase makes it; models are written in nn operations";
}

void ContractVerifier::verifyOperation(Operation *op) {
  if (!isLegal(op))
    return report(
        op, legalOperations() + ", but got " + op->getName().getStringRef(),
        hintFor(op));
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    verifyConstant(constant);
  else if (auto global = dyn_cast<param::GlobalOp>(op))
    verifyGlobal(global);
  else if (auto kernel = dyn_cast<qk::KernelOp>(op);
           kernel && stage == Stage::Kernels && !kernel.getTileAttr())
    report(op, "a tile, but got none",
           "codegen-select-kernel gives each kernel its tile");
  if (!isQuantized())
    verifyOperands(op);
}

void ContractVerifier::verifyConstant(arith::ConstantOp constant) {
  auto type = dyn_cast<ShapedType>(constant.getType());
  if (!type || !type.hasStaticShape() ||
      !type.getElementType().isIntOrIndexOrFloat())
    return;
  int64_t width =
      type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth();
  int64_t bytes = type.getNumElements() * width / 8;
  if (bytes > maxConstantBytes)
    report(constant,
           "at most " + Twine(maxConstantBytes) + " bytes of data, but got " +
               Twine(bytes),
           "values of weights stay in their files: use a param.global");
}

void ContractVerifier::verifyOperands(Operation *op) {
  for (Value operand : op->getOperands())
    if (qt::getFormatAttr(operand.getType()) &&
        !operand.getDefiningOp<param::LoadOp>())
      report(op,
             "an encoding on weights only, but got an activation "
             "with one",
             "quantize-quantize-activations encodes activations, after this "
             "stage");
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

void ContractVerifier::verifyGlobal(param::GlobalOp global) {
  if (isPacked())
    return verifyLayout(global);
  if (global.getLayoutAttr())
    return report(global, "no layout, but got one",
                  "pack-assign-layouts gives layouts, after this stage");
  if (!isa<qt::EncodeAttr>(global.getValue()))
    return;
  if (!isQuantized())
    return report(global,
                  "a value as it was imported, but got "
                  "#qt.encode",
                  "quantize-assign-encodings makes it, after this stage");
  qt::FormatAttr format = qt::getFormatAttr(global.getType());
  if (!format)
    report(global,
           "a type with a #qt.format beside #qt.encode, but "
           "got none",
           "quantize-assign-encodings sets both");
  else if (!format.getFormat().columns.empty())
    report(global,
           "a format without column transforms, but got " +
               Twine(format.getText()),
           "quantize-expand-column-transforms makes them operations");
}

void ContractVerifier::verifyLayout(param::GlobalOp global) {
  constexpr StringLiteral hint =
      "pack-assign-layouts gives each weight a layout that fits";
  auto layout = dyn_cast_if_present<qk::LayoutAttr>(global.getLayoutAttr());
  if (!layout)
    return report(global, "a #qk.layout, but got none", hint);
  RankedTensorType type = global.getTensorType();
  Result<numerics::Format> format = qt::formatOf(type);
  if (!format || type.getRank() < 1 || type.getRank() > 2)
    return report(global,
                  "a vector or a matrix of numbers that a "
                  "format describes, but got another type",
                  hint);
  int64_t rows = type.getRank() == 2 ? type.getDimSize(0) : 1;
  Status status = numerics::checkLayout(layout.getLayout(), *format, rows,
                                        type.getShape().back());
  if (!status)
    report(global, "a layout that fits, but got " + status.message(), hint);
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

LogicalResult ContractVerifier::run(ModuleOp module) {
  module.walk([&](Operation *op) {
    if (op != module)
      verifyOperation(op);
  });
  return failure(hasFailed);
}

LogicalResult pipelines::verifyContract(ModuleOp module, Stage stage) {
  return ContractVerifier(stage).run(module);
}

namespace {
struct VerifyContract
    : public pipelines::impl::VerifyContractPassBase<VerifyContract> {
  using VerifyContractPassBase::VerifyContractPassBase;

  void runOnOperation() override {
    std::optional<Stage> wanted = stageOf(stage);
    if (!wanted) {
      getOperation().emitError()
          << "expects stage 'imported', 'calibrated', 'quantized', 'packed' or "
             "'kernels', but got '"
          << stage << "'";
      return signalPassFailure();
    }
    if (failed(verifyContract(getOperation(), *wanted)))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
