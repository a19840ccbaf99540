// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What containers of graphs have in common in how they hold matrices.

#include "GraphWeights.h"

#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Numerics/Layout.h"

using namespace quern;
using namespace quern::exporter;
using numerics::ElementKind;
using numerics::Format;
using weights::CheckpointEntry;
using weights::CheckpointParameters;

static std::string nameOf(mlir::Value weight) {
  auto load = weight.getDefiningOp<param::LoadOp>();
  return load ? load.getGlobal().str() : "";
}

MatrixUses exporter::findMatrixUses(mlir::ModuleOp module) {
  MatrixUses uses;
  module.walk(
      [&](nn::LinearOp op) { uses.products.insert(nameOf(op.getWeight())); });
  module.walk(
      [&](nn::EmbeddingOp op) { uses.tables.insert(nameOf(op.getTable())); });
  module.walk([&](nn::AddPositionsOp op) {
    uses.tables.insert(nameOf(op.getTable()));
  });
  return uses;
}

/// Rows after which a byte ends, of codes of `bits` in `cols` columns: one, or
/// all `rows` of the matrix.
static void setRows(CheckpointParameters &parameters, const std::string &name,
                    int64_t rows, int64_t bitsInRow) {
  bool endsWithByte = bitsInRow % 8 == 0;
  parameters.set(name + "_rows", endsWithByte ? 1 : rows);
  parameters.set(name + "_tile", std::string(endsWithByte ? "1" : "*"));
}

/// Says the type of numbers that are floats as they are.
static void setFloat(CheckpointParameters &parameters, const std::string &name,
                     const Format &format) {
  for (weights::DType type :
       {weights::DType::F32, weights::DType::F16, weights::DType::BF16})
    if (format.element.kind == ElementKind::Float && !format.isScaled() &&
        weights::floatNameOf(type) == format.element.floatType->name)
      parameters.setType(name, type);
}

/// The parameter `zero`; none for offsets of other kinds.
static std::optional<int64_t> zeroKind(const Format &format) {
  if (format.offsetKind == numerics::OffsetKind::None)
    return 0;
  if (format.offsetKind != numerics::OffsetKind::Zero)
    return std::nullopt;
  return format.offset->element.kind == ElementKind::Float ? 2 : 1;
}

/// Blocks may be cut short where the format says so, if they are or not.
static std::string blockText(const Format &format) {
  auto text = [](int64_t extent) {
    return extent == 0 ? "*" : std::to_string(extent);
  };
  return "[" + text(format.block.rows) + ", " + text(format.block.cols) + "]" +
         (format.allowsPartialBlocks ? " partial" : "");
}

/// The name of the table that codes stand for numbers of; "none" if they are
/// numbers themselves.
static std::string tableOf(const numerics::Element &element) {
  if (element.kind != ElementKind::Codebook)
    return "none";
  std::string name =
      numerics::FormatRegistry::builtin().codebookNameOf(element.codebook);
  bool isNamed = !name.empty() && element.signs == numerics::SignPolicy::None;
  return isNamed ? name : "other";
}

CheckpointParameters exporter::graphParametersOf(const GraphMatrix &matrix) {
  const Format &format = matrix.format;
  CheckpointParameters parameters;
  int64_t bits = format.element.bits;
  Format code;
  code.element = format.element;
  parameters.set("code", numerics::printFormat(code));
  parameters.set("bits", bits);
  parameters.set("table", tableOf(format.element));
  parameters.set("transposed", int64_t(matrix.isTransposed));
  parameters.set("flip", std::string(format.element.isSigned ? " flip" : ""));
  setRows(parameters, "code", matrix.rows, matrix.cols * bits);
  if (!format.isScaled()) {
    parameters.setShape(matrix.rows, matrix.cols, 1, 1);
    return parameters;
  }
  parameters.setShape(matrix.rows, matrix.cols, format.block.rows,
                      format.block.cols);
  parameters.set("block", blockText(format));
  parameters.set("size", matrix.size());
  parameters.set("group", format.block.cols);
  if (std::optional<int64_t> zero = zeroKind(format))
    parameters.set("zero", *zero);
  int64_t down = *parameters.number("down");
  int64_t across = *parameters.number("across");
  setFloat(parameters, "scale", *format.scale);
  if (format.offset)
    setFloat(parameters, "offset", *format.offset);
  // Where blocks have all rows, so do the tiles of their scales.
  bool byRow = format.block.rows == 1;
  setRows(parameters, "scale", down, byRow ? 8 : 1);
  setRows(parameters, "zero", down, byRow ? across * bits : 1);
  return parameters;
}

bool exporter::entryHolds(const CheckpointEntry &entry,
                          const CheckpointParameters &parameters,
                          const Format &format) {
  if (!entry.holdsFor(parameters))
    return false;
  Result<std::string> text = entry.formatText(parameters);
  if (!text)
    return false;
  Result<Format> held = numerics::FormatRegistry::builtin().resolve(*text);
  return held && numerics::decodesAs(*held, format);
}

Status exporter::setLayout(param::GlobalOp global, const CheckpointEntry &entry,
                           const CheckpointParameters &parameters,
                           const GraphMatrix &matrix) {
  Result<std::string> text = entry.layoutText(parameters);
  if (!text)
    return text.status();
  Result<numerics::Layout> layout = numerics::parseLayout(*text);
  if (!layout)
    return layout.status();
  if (Status status = numerics::checkLayout(*layout, matrix.format, matrix.rows,
                                            matrix.cols);
      !status)
    return status;
  global.setLayoutAttr(qk::LayoutAttr::get(global.getContext(), *layout));
  return Status::ok();
}

Status exporter::setVectorLayout(param::GlobalOp global) {
  mlir::MLIRContext *context = global.getContext();
  int64_t size = global.getTensorType().getNumElements();
  global.setType(
      mlir::RankedTensorType::get({size}, mlir::Float32Type::get(context)));
  Result<Format> format = qt::formatOf(global.getTensorType());
  if (!format)
    return format.status();
  global.setLayoutAttr(qk::LayoutAttr::get(
      context, numerics::makeDenseLayout(*format, 1, size)));
  return Status::ok();
}

void exporter::setSegment(ContainerTensor &tensor, param::GlobalOp global) {
  tensor.weight = global.getSymName().str();
  llvm::ArrayRef<int64_t> shape = global.getTensorType().getShape();
  tensor.bytes = numerics::segmentBytes(
      llvm::cast<qk::LayoutAttr>(global.getLayoutAttr()).getLayout(),
      tensor.segment, shape.size() == 2 ? shape[0] : 1, shape.back());
}

std::string exporter::formatNameAndText(const Format &format) {
  std::string name = numerics::FormatRegistry::builtin().nameOf(format);
  std::string text = numerics::printFormat(format);
  return name.empty() || name == text ? text : name + " (" + text + ")";
}
