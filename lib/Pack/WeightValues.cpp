// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Values of weights: from a file, as numbers or codes, all the same,
// cosines and sines, or parts of another.

#include "WeightValues.h"
#include "Message.h"
#include "quern/Dialect/NN/IR/NNAttrs.h"
#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Support/Text.h"
#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::pack;

/// The `#qk.stored` that `value` is or is the matrix of; null if neither.
static qk::StoredAttr storedOf(mlir::Attribute value) {
  if (auto part = llvm::dyn_cast<qt::PartAttr>(value))
    if (part.getColumnPart().role == numerics::ColumnRole::Matrix)
      value = part.getSource();
  return llvm::dyn_cast<qk::StoredAttr>(value);
}

Result<ValueRecipe> pack::recipeOf(param::GlobalOp global) {
  ValueRecipe recipe;
  recipe.source = global.getValue();
  recipe.elementType = global.getTensorType().getElementType();
  auto encode = llvm::dyn_cast<qt::EncodeAttr>(recipe.source);
  if (!encode) {
    recipe.takesCodes =
        storedOf(recipe.source) && qt::getFormatAttr(global.getTensorType());
    return recipe;
  }
  recipe.source = encode.getSource();
  recipe.elementType = encode.getFrom();
  if (qt::FormatAttr flat = encode.getFlat())
    recipe.flat = flat.getFormat();
  llvm::StringRef solver = encode.getSolver().getValue();
  if (solver == "mse")
    recipe.solver = numerics::Solver::Mse;
  else if (solver != "rtn")
    return mismatch("a solver 'rtn' or 'mse'", "'" + solver.str() + "'");
  return recipe;
}

/// Rounding is left out where it changes nothing.
static bool isRounded(mlir::Type element, const weights::TensorInfo *tensor) {
  if (element.isF32())
    return false;
  return !tensor ||
         llvm::StringRef(weights::dtypeName(tensor->dtype)).lower() !=
             textOf(element);
}

mlir::Type pack::sourceTypeOf(const ValueRecipe &recipe) {
  if (auto part = llvm::dyn_cast<qt::PartAttr>(recipe.source))
    return part.getWeightType().getElementType();
  return recipe.elementType;
}

int64_t pack::sourceBytesOf(const ValueRecipe &recipe, MatrixShape shape) {
  qk::StoredAttr stored = storedOf(recipe.source);
  if (!stored)
    return shape.rows * shape.cols *
           int64_t(sourceTypeOf(recipe).getIntOrFloatBitWidth()) / 8;
  int64_t bytes = 0;
  const numerics::Layout &layout = stored.getStoredLayout();
  numerics::StoredRows rows = stored.getStoredRows(shape.rows);
  for (size_t i = 0; i < layout.segments.size(); ++i)
    bytes += numerics::segmentBytes(layout, i, rows.rowsOfEach, shape.cols) *
             rows.matrices;
  return bytes;
}

int64_t pack::sourceGrainOf(const ValueRecipe &recipe, MatrixShape shape) {
  qk::StoredAttr stored = storedOf(recipe.source);
  return stored ? numerics::readGrain(stored.getMatrixFormat(), shape.rows) : 1;
}

Result<WeightValues> WeightValues::open(const PackedGlobal &packed,
                                        const ValueRecipe &recipe,
                                        const weights::WeightSource &source) {
  param::GlobalOp global = packed.global;
  llvm::ArrayRef<int64_t> shape = global.getTensorType().getShape();
  return open(recipe.source,
              mlir::RankedTensorType::get(shape, recipe.elementType), source);
}

Status WeightValues::openExternal(param::ExternalAttr external,
                                  llvm::ArrayRef<int64_t> shape) {
  auto found = source->get(external.getKey().str());
  if (!found)
    return found.status();
  tensor = *found;
  if (llvm::ArrayRef(tensor->shape) == shape)
    return Status::ok();
  return weights::inTensor(
      *tensor, mismatch("a tensor of shape " + shapeText(shape.vec()),
                        shapeText(tensor->shape)));
}

Status WeightValues::openRows(param::ViewAttr view,
                              llvm::ArrayRef<int64_t> shape) {
  rows = weights::TensorView{view.getSource().getKey().str(), view.getFirst(),
                             view.getRun(), view.getStride(),
                             view.getTransposed()};
  isVector = shape.size() == 1;
  tensor = source->find(rows->name);
  return weights::checkView(*source, *rows, shape.vec());
}

Status WeightValues::openStack(param::StackAttr attribute,
                               llvm::ArrayRef<int64_t> shape) {
  stack = weights::TensorStack{attribute.getKey().str(), attribute.getCount()};
  tensor = source->find(stack->name(0));
  return weights::checkStack(*source, *stack, shape.vec());
}

/// The order of columns of a stored weight is what the container says.
Status WeightValues::openStoredPart(qt::PartAttr part, qk::StoredAttr weight) {
  Result<MatrixShape> shape = matrixShapeOf(part.getWeightType());
  if (!shape)
    return shape.status();
  Result<StoredCodes> codes = StoredCodes::open(weight, *shape, *source);
  if (!codes)
    return codes.status();
  isMatrix = part.getColumnPart().role == numerics::ColumnRole::Matrix;
  if (isMatrix)
    stored = std::move(*codes);
  else
    view = std::make_shared<const numerics::ColumnView>(
        part.getFormat(), nullptr, shape->rows, shape->cols,
        std::vector<numerics::ColumnData>{{codes->order(), {}}});
  return Status::ok();
}

Status WeightValues::openSum(param::SumAttr sum,
                             llvm::ArrayRef<int64_t> shape) {
  // Nothing is rounded before the sum is.
  mlir::Type f32 = sum.getAddend().getType();
  Result<WeightValues> opened =
      open(sum.getSource(), mlir::RankedTensorType::get(shape, f32), *source);
  if (!opened)
    return opened.status();
  whole = std::make_shared<const WeightValues>(std::move(*opened));
  return Status::ok();
}

Status WeightValues::openPart(qt::PartAttr part) {
  if (auto weight = llvm::dyn_cast<qk::StoredAttr>(part.getSource());
      weight && weight.hasOrder())
    return openStoredPart(part, weight);
  mlir::RankedTensorType type = part.getWeightType();
  Result<WeightValues> opened = open(part.getSource(), type, *source);
  if (!opened)
    return opened.status();
  whole = std::make_shared<const WeightValues>(std::move(*opened));
  auto read = [weight = whole.get()](int64_t begin, int64_t end,
                                     Span<float> rows) {
    return weight->read(begin, end, rows);
  };
  Result<numerics::ColumnView> made = numerics::ColumnView::create(
      part.getFormat(), read, type.getDimSize(0), type.getDimSize(1));
  if (!made)
    return made.status();
  view = std::make_shared<const numerics::ColumnView>(std::move(*made));
  return Status::ok();
}

Result<WeightValues> WeightValues::open(mlir::Attribute value,
                                        mlir::RankedTensorType type,
                                        const weights::WeightSource &source) {
  WeightValues values;
  values.value = value;
  values.source = &source;
  values.cols = type.getShape().back();
  if (auto external = llvm::dyn_cast<param::ExternalAttr>(value)) {
    if (Status s = values.openExternal(external, type.getShape()); !s)
      return s;
  } else if (auto rows = llvm::dyn_cast<param::ViewAttr>(value)) {
    if (Status s = values.openRows(rows, type.getShape()); !s)
      return s;
  } else if (auto stack = llvm::dyn_cast<param::StackAttr>(value)) {
    if (Status s = values.openStack(stack, type.getShape()); !s)
      return s;
  } else if (auto sum = llvm::dyn_cast<param::SumAttr>(value)) {
    if (Status s = values.openSum(sum, type.getShape()); !s)
      return s;
  } else if (auto part = llvm::dyn_cast<qt::PartAttr>(value)) {
    if (Status s = values.openPart(part); !s)
      return s;
  } else if (auto stored = llvm::dyn_cast<qk::StoredAttr>(value)) {
    Result<MatrixShape> shape = matrixShapeOf(type);
    if (!shape)
      return shape.status();
    Result<StoredCodes> codes = StoredCodes::open(stored, *shape, source);
    if (!codes)
      return codes.status();
    values.stored = std::move(*codes);
  } else if (!llvm::isa<param::SplatAttr, nn::RopeTableAttr>(value)) {
    return mismatch("#param.external, #param.view, #param.stack, #param.sum, "
                    "#param.splat, #qk.stored, #nn.rope_table or #qt.part",
                    textOf(value));
  }
  if (isRounded(type.getElementType(), values.tensor)) {
    auto format = numerics::FormatRegistry::builtin().resolve(
        textOf(type.getElementType()));
    if (!format)
      return format.status();
    values.rounding = std::move(*format);
  }
  return values;
}

Span<const float> WeightValues::columnWeights() const {
  auto part = llvm::dyn_cast<qt::PartAttr>(value);
  if (!part || part.getColumnPart().role != numerics::ColumnRole::Matrix ||
      !view)
    return {};
  return view->weights();
}

/// As `#nn.rope_table` says: the angle is a product in binary32.
static void fillRopeRow(nn::RopeTableAttr table, int64_t position, float *row) {
  llvm::ArrayRef<float> frequencies = table.getInverseFrequencies();
  for (size_t i = 0; i < frequencies.size(); ++i) {
    float angle = float(position) * frequencies[i];
    row[i] = float(std::cos(double(angle)) * table.getFactor());
    row[frequencies.size() + i] =
        float(std::sin(double(angle)) * table.getFactor());
  }
}

Status WeightValues::readRaw(int64_t rowBegin, int64_t rowEnd,
                             Span<float> out) const {
  if (view)
    return view->read(llvm::cast<qt::PartAttr>(value).getColumnPart(), rowBegin,
                      rowEnd, out);
  if (rows) // the row of a vector is all of its elements
    return isVector ? weights::readViewAsFloat(*source, *rows, 0, cols, out)
                    : weights::readViewAsFloat(*source, *rows, rowBegin, rowEnd,
                                               out);
  if (stack)
    return weights::readStackAsFloat(*source, *stack, rowBegin, rowEnd, out);
  if (tensor)
    return weights::readRowsAsFloat(*source, tensor->name, rowBegin, rowEnd,
                                    out);
  if (stored)
    return stored->readAsFloat(rowBegin, rowEnd, isMatrix, out);
  if (auto sum = llvm::dyn_cast<param::SumAttr>(value)) {
    Status status = whole->read(rowBegin, rowEnd, out);
    for (float &number : out)
      number += sum.getAddend().getValue().convertToFloat();
    return status;
  }
  if (auto table = llvm::dyn_cast<nn::RopeTableAttr>(value)) {
    for (int64_t row = rowBegin; row < rowEnd; ++row)
      fillRopeRow(table, row, out.data() + (row - rowBegin) * cols);
    return Status::ok();
  }
  auto splat = llvm::cast<param::SplatAttr>(value);
  std::fill(out.begin(), out.end(), float(splat.getValue().getValueAsDouble()));
  return Status::ok();
}

static Status checkFinite(Span<const float> values, int64_t firstRow,
                          int64_t cols) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]))
      continue;
    return mismatch("finite values",
                    std::string(std::isnan(values[i]) ? "NaN" : "infinity") +
                        " in row " +
                        std::to_string(firstRow + int64_t(i) / cols) +
                        ", column " + std::to_string(int64_t(i) % cols));
  }
  return Status::ok();
}

Status WeightValues::read(int64_t rowBegin, int64_t rowEnd,
                          Span<float> out) const {
  if (Status status = readRaw(rowBegin, rowEnd, out); !status)
    return status;
  if (rounding) {
    auto coded = numerics::encodeRows(*rounding, Span<const float>(out),
                                      rowEnd - rowBegin, cols);
    if (!coded)
      return coded.status();
    std::vector<float> rounded = numerics::decodeRows(*rounding, *coded);
    std::copy(rounded.begin(), rounded.end(), out.begin());
  }
  return checkFinite(Span<const float>(out), rowBegin, cols);
}

void WeightValues::release() const {
  if (whole)
    whole->release();
  if (stored)
    stored->release();
  if (stack)
    for (int64_t i = 0; i < stack->count; ++i)
      source->release(*source->find(stack->name(i)));
  else if (tensor)
    source->release(*tensor);
}
