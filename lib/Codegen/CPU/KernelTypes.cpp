// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the types of a kernel's operands mean to the generator.

#include "quern/Codegen/CPU/KernelTypes.h"

#include "mlir/IR/SymbolTable.h"
#include "quern/Dialect/NN/IR/NNTypes.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

numerics::Format codegen::plainFormat(Type element) {
  numerics::Format format;
  std::string name;
  llvm::raw_string_ostream(name) << element;
  format.element.kind = numerics::ElementKind::Float;
  format.element.floatType = numerics::lookupFloatType(name);
  format.element.bits = element.getIntOrFloatBitWidth();
  return format;
}

numerics::Format codegen::weightFormat(RankedTensorType type) {
  qt::FormatAttr encoding = qt::getFormatAttr(type);
  return encoding ? encoding.getFormat() : plainFormat(type.getElementType());
}

static Status unsupported(const std::string &text) {
  return Status::error(StatusCode::Unsupported, text);
}

Result<ActivationRow> codegen::activationRow(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() != 2 || tensor.isDynamicDim(1))
    return unsupported("expects activations [tokens, width], but got a value "
                       "of another type");
  ActivationRow row;
  row.width = tensor.getDimSize(1);
  qt::FormatAttr encoding = qt::getFormatAttr(tensor);
  if (!encoding)
    return row;
  const numerics::Format &format = encoding.getFormat();
  if (!format.columns.empty())
    return unsupported("expects activations without column transforms, but "
                       "got " +
                       numerics::printFormat(format));
  bool isPlain = !format.isScaled();
  if (isPlain && format.element.kind == numerics::ElementKind::Float &&
      format.element.floatType->name == "bf16") {
    row.kind = ActivationRow::Kind::BF16;
    return row;
  }
  if (!isPlain && format.element.kind == numerics::ElementKind::Int &&
      format.element.bits == 8 && format.element.isSigned &&
      format.block.rows == 1 && !format.isFlat) {
    row.kind = ActivationRow::Kind::Int8;
    row.group = format.block.cols == 0 ? row.width : format.block.cols;
    return row;
  }
  return unsupported("expects activations in f32, bf16 or i8 [1, G], but got " +
                     numerics::printFormat(format));
}

CacheShape codegen::cacheShape(Type type) {
  auto cache = cast<nn::KVCacheType>(type);
  CacheShape shape;
  shape.layers = cache.getLayers();
  shape.heads = cache.getHeads();
  shape.headDim = cache.getHeadDim();
  if (auto encoding = dyn_cast_if_present<qt::FormatAttr>(cache.getEncoding()))
    shape.format = encoding.getFormat();
  else
    shape.format = plainFormat(cache.getElement());
  return shape;
}

param::GlobalOp codegen::weightOf(Value operand) {
  auto load = operand.getDefiningOp<param::LoadOp>();
  if (!load)
    return nullptr;
  return SymbolTable::lookupNearestSymbolFrom<param::GlobalOp>(
      load, load.getGlobalAttr());
}

Result<numerics::Layout> codegen::panelLayout(param::GlobalOp weight) {
  if (!weight)
    return unsupported("expects a weight that param.load gives");
  auto layout = dyn_cast_or_null<qk::LayoutAttr>(weight.getLayoutAttr());
  if (!layout)
    return unsupported("expects weight '" + weight.getSymName().str() +
                       "' to have a layout, but it has none; run "
                       "pack-assign-layouts");
  return layout.getLayout();
}

Result<LinearSpec> codegen::linearSpec(qk::KernelOp kernel) {
  LinearSpec spec;
  Result<ActivationRow> input = activationRow(kernel.getInput("x").getType());
  if (!input)
    return input.status();
  spec.input = *input;
  param::GlobalOp weight = weightOf(kernel.getInput("w"));
  Result<numerics::Layout> layout = panelLayout(weight);
  if (!layout)
    return layout.status();
  spec.layout = *layout;
  spec.weight = weightFormat(weight.getTensorType());
  spec.roundToBf16 = spec.input.kind == ActivationRow::Kind::BF16;
  spec.hasBias = bool(kernel.getInput("bias"));
  spec.hasResidual = bool(kernel.getInput("residual"));
  spec.hasFirstPanel = bool(kernel.getInput("routing"));
  if (auto cap = kernel->getAttrOfType<FloatAttr>("softcap"))
    spec.softcap = cap.getValue().convertToFloat();
  return spec;
}
