// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file quantize-assign-encodings: choose the format of each weight by rules.

#include "EncodingRules.h"
#include "Mixtures.h"
#include "WeightEncodings.h"
#include "quern/Dialect/Param/IR/ParamUtils.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTDialect.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Numerics/FormatDiagnostics.h"
#include "quern/Quantize/Passes.h"

namespace quern::quantize {
#define GEN_PASS_DEF_ASSIGNENCODINGSPASS
#include "quern/Quantize/Passes.h.inc"
} // namespace quern::quantize

using namespace quern;
using namespace quern::quantize;

static constexpr llvm::StringLiteral outputName = "lm_head.weight";

namespace {
struct AssignEncodings
    : public quantize::impl::AssignEncodingsPassBase<AssignEncodings> {
  using AssignEncodingsPassBase::AssignEncodingsPassBase;

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    if (Status status = parseOptions(); !status) {
      mlir::emitError(module.getLoc()) << status.message();
      return signalPassFailure();
    }
    std::vector<bool> isRuleUsed(parsedRules.size());
    for (auto &[global, uses] : collectWeights(module)) {
      std::optional<numerics::Format> chosen = formatFor(global, uses);
      for (size_t i = 0; i < parsedRules.size(); ++i) {
        if (!parsedRules[i].matches(global.getSymName(), uses))
          continue;
        isRuleUsed[i] = true;
        chosen = parsedRules[i].format;
      }
      if (chosen && mlir::failed(encode(global, *chosen)))
        return signalPassFailure();
    }
    if (mlir::failed(checkRulesUsed(module, parsedRules, isRuleUsed)))
      return signalPassFailure();
    param::emitRemarks(remarks);
    param::updateLoadTypes(module);
  }

private:
  const numerics::FormatRegistry &formats() {
    return getContext().getLoadedDialect<qt::QTDialect>()->getFormats();
  }

  Status parseOptions() {
    parsedFormat.reset();
    parsedRules.clear();
    parsedFallback.clear();
    remarks.clear();
    if (solver != "rtn" && solver != "mse")
      return Status::error(StatusCode::InvalidArgument,
                           "expects solver 'rtn' or 'mse', but got '" + solver +
                               "'");
    Result<std::optional<MixtureChoice>> found =
        MixtureChoice::find(format, formats(), getOperation());
    if (!found)
      return found.status();
    mixture = *found;
    if (!format.empty() && !mixture) {
      Result<numerics::Format> parsed =
          numerics::resolveOption(formats(), format);
      if (!parsed)
        return parsed.status();
      parsedFormat = *parsed;
    }
    for (const std::string &text : rules) {
      Result<EncodingRule> rule = parseEncodingRule(text, formats());
      if (!rule)
        return rule.status();
      parsedRules.push_back(*rule);
    }
    llvm::SmallVector<llvm::StringRef> names;
    llvm::StringRef(fallback).split(names, ';', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef name : names) {
      Result<numerics::Format> parsed =
          numerics::resolveOption(formats(), name.trim().str());
      if (!parsed)
        return parsed.status().withContext("fallback");
      parsedFallback.push_back(*parsed);
    }
    return Status::ok();
  }

  /// What a weight gets that no rule names.
  std::optional<numerics::Format> formatFor(param::GlobalOp global,
                                            const WeightUses &uses) {
    // A router is small, and an error in it means another expert: only a rule
    // that names it has it encoded.
    if (uses.byRouter)
      return std::nullopt;
    if (layersOnly && (uses.byEmbedding || global.getSymName() == outputName))
      return std::nullopt;
    return mixture ? mixture->formatOf(global) : parsedFormat;
  }

  /// What a user calls a format.
  std::string nameOf(const numerics::Format &format) {
    std::string name = formats().nameOf(format);
    return name.empty() ? numerics::printFormat(format) : name;
  }

  mlir::LogicalResult encode(param::GlobalOp global,
                             const numerics::Format &wanted) {
    mlir::RankedTensorType type = global.getTensorType();
    qt::FormatAttr stored = qt::getFormatAttr(type);
    bool isChosen = llvm::isa<qt::EncodeAttr>(global.getValue());
    bool isAsWanted = stored ? stored.getFormat() == wanted
                             : qt::isPlain(wanted, type.getElementType());
    if (isChosen || isAsWanted)
      return mlir::success();
    int64_t rows = type.getDimSize(0), cols = type.getDimSize(1);
    const numerics::Format *format =
        fittingFormat(wanted, parsedFallback, rows, cols);
    std::string problem = numerics::checkShape(wanted, rows, cols).message();
    if (!format)
      return global.emitOpError() << nameOf(wanted) << " " << problem
                                  << ", and no fallback format fits";
    if (format != &wanted)
      remarks[nameOf(wanted) + " " + problem + "; takes " + nameOf(*format)]
          .push_back(global);
    if (stored)
      remarks["stored as " + nameOf(stored.getFormat()) +
              "; decoded and coded again as " + nameOf(*format)]
          .push_back(global);
    encodeAs(global, *format, solver);
    return mlir::success();
  }

  std::optional<numerics::Format> parsedFormat;
  std::optional<MixtureChoice> mixture;
  std::vector<EncodingRule> parsedRules;
  std::vector<numerics::Format> parsedFallback;
  /// Why a weight did not take the wanted format, and which it did; and what
  /// changes its codes.
  param::RemarkMap remarks;
};
} // namespace
