// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file quantize-assign-cache-encoding: choose the numbers that the KV cache
// holds.

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "quern/Dialect/NN/IR/NNDialect.h"
#include "quern/Dialect/NN/IR/NNTypes.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTDialect.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Quantize/Passes.h"

namespace quern::quantize {
#define GEN_PASS_DEF_ASSIGNCACHEENCODINGPASS
#include "quern/Quantize/Passes.h.inc"
} // namespace quern::quantize

using namespace quern;

/// The element type that holds the numbers of `format` as they are, or null.
static mlir::Type plainElement(mlir::MLIRContext *context,
                               const numerics::Format &format) {
  mlir::Builder builder(context);
  for (mlir::Type type :
       {mlir::Type(builder.getF16Type()), mlir::Type(builder.getF32Type())})
    if (qt::isPlain(format, type))
      return type;
  return nullptr;
}

namespace {
struct AssignCacheEncoding
    : public quantize::impl::AssignCacheEncodingPassBase<AssignCacheEncoding> {
  using AssignCacheEncodingPassBase::AssignCacheEncodingPassBase;

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    const numerics::FormatRegistry &formats =
        getContext().getLoadedDialect<qt::QTDialect>()->getFormats();
    Result<numerics::Format> parsed = formats.resolve(format);
    if (!parsed) {
      mlir::emitError(module.getLoc())
          << "KV cache: " << parsed.status().message();
      return signalPassFailure();
    }
    for (auto function : module.getOps<mlir::func::FuncOp>())
      if (mlir::failed(convert(function, *parsed)))
        return signalPassFailure();
  }

private:
  /// Caches come in as arguments and from nowhere else.
  mlir::LogicalResult convert(mlir::func::FuncOp function,
                              const numerics::Format &wanted) {
    llvm::SmallVector<mlir::Type> inputs;
    for (mlir::Type type : function.getArgumentTypes()) {
      if (auto cache = llvm::dyn_cast<nn::KVCacheType>(type))
        type = coded(cache, wanted, function.getLoc());
      if (!type)
        return mlir::failure();
      inputs.push_back(type);
    }
    function.setType(mlir::FunctionType::get(&getContext(), inputs,
                                             function.getResultTypes()));
    if (!function.isExternal())
      for (auto [argument, type] : llvm::zip(function.getArguments(), inputs))
        argument.setType(type);
    return mlir::success();
  }

  nn::KVCacheType coded(nn::KVCacheType cache, const numerics::Format &wanted,
                        mlir::Location location) {
    mlir::MLIRContext *context = &getContext();
    mlir::Type element = plainElement(context, wanted);
    mlir::Attribute encoding;
    if (!element) {
      element = mlir::Float32Type::get(context);
      encoding = qt::FormatAttr::get(context, wanted);
    }
    return nn::KVCacheType::getChecked(
        [&] {
          return mlir::emitError(location)
                 << "a KV cache of " << numerics::printFormat(wanted)
                 << " for heads of " << cache.getHeadDim() << ": ";
        },
        context, cache.getLayers(), cache.getHeads(), cache.getHeadDim(),
        element, encoding);
  }
};
} // namespace
