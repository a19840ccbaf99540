// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file codec-assign-encodings: choose the format of weights, where @NAME in
// its text is a codec.element.

#include "Codec.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "quern/Dialect/Param/IR/ParamDialect.h"
#include "quern/Dialect/QT/IR/QTDialect.h"
#include "quern/Quantize/Passes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace codec;

/// The attributes of the results of `op` for constant operands, by its folder.
static LogicalResult evaluate(Operation &op,
                              llvm::DenseMap<Value, Attribute> &known) {
  llvm::SmallVector<Attribute> operands;
  for (Value operand : op.getOperands())
    operands.push_back(known.lookup(operand));
  llvm::SmallVector<OpFoldResult> results;
  if (failed(op.fold(operands, results)) ||
      results.size() != op.getNumResults())
    return failure();
  for (auto [value, result] : llvm::zip(op.getResults(), results)) {
    Attribute attribute = dyn_cast<Attribute>(result);
    known[value] = attribute ? attribute : known.lookup(cast<Value>(result));
  }
  return success();
}

/// The number that `code` stands for.
static FailureOr<APFloat> decode(ElementOp element, int64_t code) {
  // Folders may change the op in place.
  OwningOpRef<ElementOp> copy = element.clone();
  Block &block = copy->getDecode().front();
  llvm::DenseMap<Value, Attribute> known;
  known[block.getArgument(0)] =
      Builder(element.getContext()).getI32IntegerAttr(int32_t(code));
  for (Operation &op : block.without_terminator())
    if (failed(evaluate(op, known)))
      return op.emitError("expects an op that folds on constants, but got ")
             << op.getName() << " for code " << code;
  auto yield = cast<YieldOp>(block.getTerminator());
  auto value = dyn_cast_if_present<FloatAttr>(known.lookup(yield.getValue()));
  if (!value || !value.getValue().isFinite()) {
    InFlightDiagnostic diagnostic =
        yield.emitOpError("expects a finite number for code ");
    diagnostic << code << ", but got ";
    return value ? diagnostic << value : diagnostic << "a poison value";
  }
  return value.getValue();
}

/// `codebook [v0, v1, …]`
static FailureOr<std::string> expand(ElementOp element) {
  std::string text = "codebook [";
  for (int64_t code = 0; code < int64_t(1) << element.getBits(); ++code) {
    FailureOr<APFloat> value = decode(element, code);
    if (failed(value))
      return failure();
    llvm::SmallString<32> digits;
    // Nine digits give a binary32 back exactly.
    value->toString(digits, /*FormatPrecision=*/9, /*FormatMaxPadding=*/0);
    text += (code == 0 ? "" : ", ") + digits.str().str();
  }
  return text + "]";
}

namespace {
struct AssignEncodings : PassWrapper<AssignEncodings, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AssignEncodings)

  AssignEncodings() = default;
  AssignEncodings(const AssignEncodings &other) : PassWrapper(other) {}

  llvm::StringRef getArgument() const override {
    return "codec-assign-encodings";
  }
  llvm::StringRef getDescription() const override {
    return "Choose the format of weights, where @NAME is a codec.element";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<CodecDialect, arith::ArithDialect, math::MathDialect,
                    quern::param::ParamDialect, quern::qt::QTDialect>();
  }

  void runOnOperation() override {
    FailureOr<std::string> text = expandNames(format);
    if (failed(text))
      return signalPassFailure();
    for (auto element :
         llvm::make_early_inc_range(getOperation().getOps<ElementOp>()))
      element.erase();
    quern::quantize::AssignEncodingsPassOptions options;
    options.rules.push_back(weights + "=" + *text);
    options.solver = solver;
    OpPassManager passes(ModuleOp::getOperationName());
    passes.addPass(quern::quantize::createAssignEncodingsPass(options));
    if (failed(runPipeline(passes, getOperation())))
      signalPassFailure();
  }

private:
  /// `text` with every @NAME of an element replaced; other names may be those
  /// of codebooks.
  FailureOr<std::string> expandNames(llvm::StringRef text) {
    std::string result;
    while (true) {
      auto [before, after] = text.split('@');
      result += before.str();
      if (before.size() == text.size())
        return result;
      llvm::StringRef name = after.take_while(
          [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
      text = after.drop_front(name.size());
      auto element = dyn_cast_if_present<ElementOp>(
          SymbolTable::lookupSymbolIn(getOperation(), name));
      FailureOr<std::string> codebook = "@" + name.str();
      if (element)
        codebook = expand(element);
      if (failed(codebook))
        return failure();
      result += *codebook;
    }
  }

  Option<std::string> format{*this, "format",
                             llvm::cl::desc("Text of the format")};
  Option<std::string> weights{*this, "weights",
                              llvm::cl::desc("Which weights, as in rules"),
                              llvm::cl::init("*")};
  Option<std::string> solver{*this, "solver",
                             llvm::cl::desc("How codes are chosen"),
                             llvm::cl::init("rtn")};
};
} // namespace

void codec::registerAssignEncodings() { PassRegistration<AssignEncodings>(); }
