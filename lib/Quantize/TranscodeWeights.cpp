// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file quantize-transcode-weights: give weights whose codes a container holds
// other formats with the same numbers.

#include "WeightEncodings.h"
#include "quern/Dialect/Param/IR/ParamUtils.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTDialect.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Numerics/FormatDiagnostics.h"
#include "quern/Numerics/Transcode.h"
#include "quern/Quantize/Passes.h"

namespace quern::quantize {
#define GEN_PASS_DEF_TRANSCODEWEIGHTSPASS
#include "quern/Quantize/Passes.h.inc"
} // namespace quern::quantize

using namespace quern;
using namespace quern::quantize;
using numerics::Format;
using numerics::Transcoding;
using numerics::TranscodingKind;

namespace {
struct TranscodeWeights
    : public quantize::impl::TranscodeWeightsPassBase<TranscodeWeights> {
  using TranscodeWeightsPassBase::TranscodeWeightsPassBase;

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    if (Status status = parseOptions(); !status) {
      mlir::emitError(module.getLoc()) << status.message();
      return signalPassFailure();
    }
    std::vector<bool> isRuleUsed(parsedRules.size());
    WeightMap weights = collectWeights(module);
    for (auto &[global, uses] : weights) {
      // As in quantize-assign-encodings, routers wait for a rule.
      const Format *wanted = uses.byRouter ? nullptr : &parsedFormat;
      for (size_t i = 0; i < parsedRules.size(); ++i) {
        if (!parsedRules[i].matches(global.getSymName(), uses))
          continue;
        isRuleUsed[i] = true;
        wanted = &parsedRules[i].format;
      }
      if (wanted && mlir::failed(transcode(global, *wanted)))
        return signalPassFailure();
    }
    if (mlir::failed(checkRulesUsed(module, parsedRules, isRuleUsed)) ||
        mlir::failed(reportLosses(weights.size())))
      return signalPassFailure();
    param::emitRemarks(remarks);
    param::updateLoadTypes(module);
  }

private:
  const numerics::FormatRegistry &formats() {
    return getContext().getLoadedDialect<qt::QTDialect>()->getFormats();
  }

  Status parseOptions() {
    parsedRules.clear();
    remarks.clear();
    losses.clear();
    if (solver != "rtn" && solver != "mse")
      return Status::error(StatusCode::InvalidArgument,
                           "expects solver 'rtn' or 'mse', but got '" + solver +
                               "'");
    Result<Format> parsed = numerics::resolveOption(formats(), format);
    if (!parsed)
      return parsed.status();
    parsedFormat = *parsed;
    for (const std::string &text : rules) {
      Result<EncodingRule> rule = parseEncodingRule(text, formats());
      if (!rule)
        return rule.status();
      parsedRules.push_back(*rule);
    }
    return Status::ok();
  }

  /// What a user calls a format.
  std::string nameOf(const Format &format) {
    std::string name = formats().nameOf(format);
    return name.empty() ? numerics::printFormat(format) : name;
  }

  mlir::LogicalResult transcode(param::GlobalOp global, const Format &wanted) {
    mlir::RankedTensorType type = global.getTensorType();
    Result<Format> held = qt::formatOf(type);
    if (!held)
      return global.emitOpError() << held.status().message();
    bool isChosen = llvm::isa<qt::EncodeAttr>(global.getValue());
    if (isChosen || numerics::decodesAs(*held, wanted))
      return mlir::success();
    Status fits =
        numerics::checkShape(wanted, type.getDimSize(0), type.getDimSize(1));
    if (!fits) {
      losses[nameOf(wanted) + " " + fits.message()].push_back(global);
      return mlir::success();
    }
    bool hasCodes = qt::getFormatAttr(type) != nullptr;
    Transcoding found = numerics::classifyTranscoding(*held, wanted);
    std::string text =
        nameOf(*held) + " to " + nameOf(wanted) + ", " + found.text();
    // Numbers without a scale are no codes; what another type has for each of
    // them is found by rounding that changes nothing.
    bool isExact = found.isExact() && (hasCodes || !wanted.isScaled());
    if (!isExact && !hasCodes)
      text = nameOf(*held) + " to " + nameOf(wanted) +
             ", which is to quantize: " + nameOf(*held) +
             " are numbers and no codes";
    if (isExact && hasCodes)
      takeCodes(global, wanted);
    else if (isExact || (reEncode && found.kind == TranscodingKind::Bounded))
      encodeAs(global, wanted, solver);
    else
      losses[text].push_back(global);
    remarks[isExact ? text : text + "; coded again"].push_back(global);
    return mlir::success();
  }

  /// The value, codes of a container, stays: it is brought into the format of
  /// the type.
  void takeCodes(param::GlobalOp global, const Format &wanted) {
    mlir::RankedTensorType type = global.getTensorType();
    global.setType(mlir::RankedTensorType::get(
        type.getShape(), type.getElementType(),
        qt::FormatAttr::get(&getContext(), wanted)));
  }

  /// One error for all weights that cannot be transcoded.
  mlir::LogicalResult reportLosses(size_t weightCount) {
    if (losses.empty())
      return mlir::success();
    size_t count = 0;
    std::string lists;
    for (const auto &[text, globals] : losses) {
      lists += "\n  " + text;
      for (param::GlobalOp global : globals)
        lists += "\n    " + global.getSymName().str();
      count += globals.size();
    }
    return mlir::emitError(getOperation().getLoc())
           << "expects weights whose codes have equals in the format that they "
              "are to get, but got "
           << count << " of " << weightCount
           << " that have none; what is bounded can be decoded and coded again "
              "(re-encode), what is impossible can be quantized anew, and "
              "weights can be given other formats by rules:"
           << lists;
  }

  Format parsedFormat;
  std::vector<EncodingRule> parsedRules;
  /// What was done to weights.
  param::RemarkMap remarks;
  /// What cannot be done without a loss.
  param::RemarkMap losses;
};
} // namespace
