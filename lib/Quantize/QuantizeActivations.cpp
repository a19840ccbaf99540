// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file quantize-quantize-activations: code the inputs of matrix products that
// can be integer ones.

#include "mlir/IR/Builders.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/QT/IR/QTDialect.h"
#include "quern/Dialect/QT/IR/QTOps.h"
#include "quern/Numerics/ActivationGroup.h"
#include "quern/Numerics/FormatDiagnostics.h"
#include "quern/Quantize/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace quern::quantize {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "quern/Quantize/Passes.h.inc"
} // namespace quern::quantize

using namespace quern;

namespace {
struct QuantizeActivations
    : public quantize::impl::QuantizeActivationsPassBase<QuantizeActivations> {
  using QuantizeActivationsPassBase::QuantizeActivationsPassBase;

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    const numerics::FormatRegistry &formats =
        getContext().getLoadedDialect<qt::QTDialect>()->getFormats();
    std::optional<numerics::Format> given;
    if (!format.empty()) {
      Result<numerics::Format> parsed =
          numerics::resolveOption(formats, format);
      if (!parsed) {
        mlir::emitError(module.getLoc()) << parsed.status().message();
        return signalPassFailure();
      }
      given = *parsed;
    }
    quantized.clear();
    llvm::MapVector<qt::FormatAttr, int64_t> kept;
    mlir::WalkResult result = module.walk([&](nn::LinearOp linear) {
      qt::FormatAttr weight = qt::getFormatAttr(linear.getWeight().getType());
      if (!weight || linear.getInput().getType().getEncoding())
        return mlir::WalkResult::advance();
      int64_t width = linear.getInput().getType().getDimSize(1);
      int64_t group = numerics::activationGroup(weight.getFormat(), width);
      if (group == 0) {
        ++kept[weight];
        return mlir::WalkResult::advance();
      }
      return mlir::WalkResult(
          quantizeInput(linear, given ? *given : groupsOf(group)));
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (auto [weight, count] : kept)
      mlir::emitRemark(module.getLoc())
          << count << " nn.linear with a weight in " << weight.getText()
          << " cannot be integer and keeps its input";
  }

private:
  /// One scale a token and `group` columns.
  static numerics::Format groupsOf(int64_t group) {
    std::string text = "i8 [1, " + std::to_string(group) + "], scale f32";
    return *numerics::parseFormat(text, numerics::FormatRegistry::builtin());
  }

  mlir::LogicalResult quantizeInput(nn::LinearOp linear,
                                    const numerics::Format &format) {
    mlir::Value input = linear.getInput();
    auto type = llvm::cast<mlir::RankedTensorType>(input.getType());
    auto attribute = qt::FormatAttr::get(&getContext(), format);
    auto coded = mlir::RankedTensorType::getChecked(
        [&] { return linear.emitOpError() << "with its input coded: "; },
        type.getShape(), type.getElementType(), attribute);
    if (!coded)
      return mlir::failure();
    mlir::Value &value = quantized[{input, attribute}];
    if (!value) {
      mlir::OpBuilder builder(&getContext());
      builder.setInsertionPointAfterValue(input);
      value = qt::QuantizeOp::create(builder, linear.getLoc(), coded, input);
    }
    linear.getInputMutable().assign(value);
    return mlir::success();
  }

  llvm::DenseMap<std::pair<mlir::Value, mlir::Attribute>, mlir::Value>
      quantized;
};
} // namespace
