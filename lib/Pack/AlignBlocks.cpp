// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file pack-align-blocks: give weights whose blocks cross rows a format whose
// blocks do not.

#include "quern/Numerics/AlignBlocks.h"
#include "quern/Dialect/Param/IR/ParamUtils.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTDialect.h"
#include "quern/Pack/Passes.h"
#include "llvm/Support/FormatVariadic.h"

namespace quern::pack {
#define GEN_PASS_DEF_ALIGNBLOCKSPASS
#include "quern/Pack/Passes.h.inc"
} // namespace quern::pack

using namespace quern;
using numerics::Format;

/// Columns of a row that a kernel decodes together, under one scale.
static constexpr int64_t kernelColumns = 4;

static Format formatForKernels(const Format &flat, int64_t cols) {
  Format aligned = numerics::alignedFormat(flat, cols);
  return numerics::leastBlockCols(aligned) % kernelColumns == 0
             ? aligned
             : *numerics::FormatRegistry::builtin().lookup("f32");
}

static std::string bitsText(const Format &format, mlir::RankedTensorType type) {
  return llvm::formatv("{0:F2}",
                       numerics::bitsPerElement(format, type.getDimSize(0),
                                                type.getDimSize(1)))
      .str();
}

/// What the kernels' format costs; "" if that is next to nothing.
static std::string costOf(const Format &flat, const Format &chosen,
                          mlir::RankedTensorType type) {
  std::string before = bitsText(flat, type), after = bitsText(chosen, type);
  if (before == after)
    return "";
  Format aligned = numerics::alignedFormat(flat, type.getDimSize(1));
  std::string text =
      llvm::formatv("blocks of {0} that cross rows of {1} columns ",
                    flat.block.cols, type.getDimSize(1));
  text += llvm::formatv(chosen.isScaled()
                            ? "become blocks of {0} with repeated scales"
                            : "would become blocks of {0}, no multiple of the "
                              "{1} columns that kernels decode together: the "
                              "values are kept in f32",
                        numerics::leastBlockCols(aligned), kernelColumns);
  return text + ", " + after + " bits a weight in place of " + before;
}

namespace {
struct AlignBlocks : public pack::impl::AlignBlocksPassBase<AlignBlocks> {
  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    param::RemarkMap costs;
    for (auto global : module.getOps<param::GlobalOp>())
      if (std::string cost = align(global); !cost.empty())
        costs[cost].push_back(global);
    param::emitRemarks(costs);
    param::updateLoadTypes(module);
  }

private:
  /// Returns what it costs.
  std::string align(param::GlobalOp global) {
    mlir::RankedTensorType type = global.getTensorType();
    qt::FormatAttr flat = qt::getFormatAttr(type);
    auto encode = llvm::dyn_cast<qt::EncodeAttr>(global.getValue());
    bool isStored = llvm::isa<qk::StoredAttr>(global.getValue());
    if (!flat || !flat.getFormat().isFlat || !(encode || isStored) ||
        global.getLayoutAttr())
      return "";
    Format chosen = formatForKernels(flat.getFormat(), type.getDimSize(1));
    mlir::MLIRContext *context = &getContext();
    global.setType(
        mlir::RankedTensorType::get(type.getShape(), type.getElementType(),
                                    qt::FormatAttr::get(context, chosen)));
    if (encode)
      global.setValueAttr(qt::EncodeAttr::get(context, encode.getSource(),
                                              encode.getFrom(),
                                              encode.getSolver(), flat));
    return costOf(flat.getFormat(), chosen, type);
  }
};
} // namespace
