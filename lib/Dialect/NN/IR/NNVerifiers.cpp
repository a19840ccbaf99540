// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Everything that can reject an attribute, type or operation of nn.

#include "quern/Dialect/NN/IR/NNOps.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TensorEncoding.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quern::nn;

//===----------------------------------------------------------------------===//
// Attributes and types
//===----------------------------------------------------------------------===//

LogicalResult
RopeTableAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      int64_t positions, DenseF32ArrayAttr inverseFrequencies,
                      FloatAttr magnitude) {
  if (positions <= 0)
    return emitError() << "expects a positive number of positions, but got "
                       << positions;
  if (inverseFrequencies.empty())
    return emitError() << "expects at least 1 inverse frequency, but got 0";
  if (magnitude && !(magnitude.getValueAsDouble() > 0))
    return emitError() << "expects a positive magnitude, but got " << magnitude;
  return success();
}

LogicalResult KVCacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t layers, int64_t heads,
                                  int64_t headDim, Type element,
                                  Attribute encoding) {
  // The bound keeps every product of two of them far from overflow.
  auto isSane = [](int64_t count) { return count >= 1 && count <= 65536; };
  if (!isSane(layers) || !isSane(heads) || !isSane(headDim))
    return emitError() << "expects layers, heads and head_dim between 1 and "
                          "65536, but got "
                       << layers << ", " << heads << " and " << headDim;
  if (!element.isF16() && !element.isF32())
    return emitError() << "expects element f16 or f32, but got " << element;
  if (!encoding)
    return success();
  auto rows = dyn_cast<VerifiableTensorEncoding>(encoding);
  if (!rows)
    return emitError() << "expects an encoding of tensors, but got "
                       << encoding;
  if (!element.isF32())
    return emitError() << "expects element f32 beside an encoding, but got "
                       << element;
  return rows.verifyEncoding({ShapedType::kDynamic, headDim}, element,
                             emitError);
}

/// Verifies that the entry `name` of nn.model is a positive integer.
static LogicalResult verifyModelNumber(Operation *op, DictionaryAttr model,
                                       StringRef name) {
  Attribute entry = model.get(name);
  auto number = dyn_cast_or_null<IntegerAttr>(entry);
  if (number && number.getType().isInteger(64) && number.getInt() > 0)
    return success();
  InFlightDiagnostic diagnostic = op->emitError()
                                  << "nn.model expects a positive i64 '" << name
                                  << "', but got ";
  if (entry)
    return diagnostic << entry;
  return diagnostic << "none";
}

LogicalResult NNDialect::verifyOperationAttribute(Operation *op,
                                                  NamedAttribute attribute) {
  if (attribute.getName() != getModelAttrName())
    return op->emitError() << "expects the attribute nn.model, but got "
                           << attribute.getName();
  // nn_model_c1
  auto model = dyn_cast<DictionaryAttr>(attribute.getValue());
  if (!model)
    return op->emitError() << "nn.model expects a dictionary, but got "
                           << attribute.getValue();
  if (!isa<ModuleOp>(op))
    return op->emitError() << "nn.model expects to be on a module, but got "
                           << op->getName();
  // nn_model_c2
  if (!model.getAs<StringAttr>("architecture"))
    return op->emitError() << "nn.model expects a string 'architecture', but "
                              "got "
                           << model;
  for (StringRef name : {"vocabulary", "context", "hidden", "layers", "heads",
                         "kv_heads", "head_dim", "intermediate"})
    if (failed(verifyModelNumber(op, model, name)))
      return failure();
  // nn_model_c3
  int64_t heads = model.getAs<IntegerAttr>("heads").getInt();
  int64_t kvHeads = model.getAs<IntegerAttr>("kv_heads").getInt();
  if (heads % kvHeads != 0)
    return op->emitError() << "nn.model expects 'heads' to be a multiple of "
                              "'kv_heads', but got "
                           << heads << " and " << kvHeads;
  return success();
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// A row count as a user writes it: `?` or a number.
static std::string extentText(int64_t extent) {
  return ShapedType::isDynamic(extent) ? "?" : std::to_string(extent);
}

/// Verifies that the result of `op` is [rows, columns].
static LogicalResult verifyResultShape(Operation *op, int64_t rows,
                                       int64_t columns) {
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  if (result.getDimSize(0) == rows && result.getDimSize(1) == columns)
    return success();
  return op->emitOpError() << "expects a result of shape [" << extentText(rows)
                           << ", " << columns << "], but got ["
                           << extentText(result.getDimSize(0)) << ", "
                           << result.getDimSize(1) << "]";
}

LogicalResult EmbeddingOp::verify() {
  // embedding_c1, embedding_c2
  return verifyResultShape(*this, getTokens().getType().getDimSize(0),
                           getTable().getType().getDimSize(1));
}

LogicalResult RMSNormOp::verify() {
  int64_t width = getInput().getType().getDimSize(1);
  int64_t group = getGroup().value_or(width);
  // rms_norm_c2
  if (width % group != 0)
    return emitOpError() << "expects a group that divides the width " << width
                         << ", but got " << group;
  // rms_norm_c3
  int64_t entries = getWeight().getType().getDimSize(0);
  if (entries != group)
    return emitOpError() << "expects a weight of " << group
                         << " entries, but got " << entries;
  return success();
}

LogicalResult LayerNormOp::verify() {
  // layer_norm_c2
  int64_t width = getInput().getType().getDimSize(1);
  for (Value vector : {Value(getWeight()), Value(getBias())}) {
    if (!vector)
      continue;
    int64_t entries = cast<RankedTensorType>(vector.getType()).getDimSize(0);
    if (entries != width)
      return emitOpError() << "expects a weight and a bias of " << width
                           << " entries, but got " << entries;
  }
  return success();
}

LogicalResult AddPositionsOp::verify() {
  // add_positions_c2
  RankedTensorType table = getTable().getType();
  int64_t width = getInput().getType().getDimSize(1);
  if (table.getDimSize(1) != width || table.getEncoding())
    return emitOpError() << "expects a table of " << width
                         << " columns without an encoding, but got " << table;
  return success();
}

LogicalResult LinearOp::verify() {
  RankedTensorType input = getInput().getType();
  RankedTensorType weight = getWeight().getType();
  // linear_c1
  if (input.getDimSize(1) != weight.getDimSize(1))
    return emitOpError() << "expects an input of width " << weight.getDimSize(1)
                         << ", the columns of the weight, but got "
                         << input.getDimSize(1);
  // linear_c2, linear_c4
  int64_t columns = getType().getDimSize(1);
  if (!getRouting())
    columns = weight.getDimSize(0);
  else if (columns < 1 || weight.getDimSize(0) % columns != 0)
    return emitOpError() << "expects a result whose columns divide the "
                         << weight.getDimSize(0)
                         << " rows of all experts, but got " << columns;
  if (failed(verifyResultShape(*this, input.getDimSize(0), columns)))
    return failure();
  // linear_c3
  if (getBias() && getBias().getType().getDimSize(0) != weight.getDimSize(0))
    return emitOpError() << "expects a bias of " << weight.getDimSize(0)
                         << " entries, but got "
                         << getBias().getType().getDimSize(0);
  return success();
}

LogicalResult RouteOp::verify() {
  int64_t experts = getLogits().getType().getDimSize(1);
  // route_c1
  if (int64_t(getTop()) > experts)
    return emitOpError() << "expects to choose at most " << experts
                         << " experts, but got " << getTop();
  // route_c2
  return verifyResultShape(*this, getLogits().getType().getDimSize(0),
                           2 * getTop());
}

/// Verifies that there may be more or fewer rows than tokens.
static LogicalResult verifyDynamicRows(Operation *op, RankedTensorType rows) {
  if (rows.isDynamicDim(0))
    return success();
  return op->emitOpError() << "expects a dynamic number of rows, but got "
                           << rows.getDimSize(0);
}

LogicalResult DispatchOp::verify() {
  // dispatch_c2
  return verifyDynamicRows(*this, getInput().getType());
}

LogicalResult CombineOp::verify() {
  // combine_c2
  return verifyDynamicRows(*this, getInput().getType());
}

LogicalResult LastRowsOp::verify() {
  // last_rows_c2
  return verifyDynamicRows(*this, getInput().getType());
}

LogicalResult HadamardOp::verify() {
  // hadamard_c2
  int64_t width = getInput().getType().getDimSize(1);
  int64_t group = getGroup();
  if (!llvm::isPowerOf2_64(group) || width % group != 0)
    return emitOpError() << "expects a group that is a power of two and "
                            "divides the width "
                         << width << ", but got " << group;
  return success();
}

/// Verifies that `row`, numbers of columns or for columns, has one row.
static LogicalResult verifyOneRow(Operation *op, RankedTensorType row) {
  if (row.getDimSize(0) == 1)
    return success();
  return op->emitOpError() << "expects one row of numbers for columns, but got "
                           << row.getDimSize(0);
}

LogicalResult GatherColumnsOp::verify() {
  // gather_columns_c1
  RankedTensorType columns = getColumns().getType();
  if (failed(verifyOneRow(*this, columns)))
    return failure();
  // gather_columns_c2
  return verifyResultShape(*this, getInput().getType().getDimSize(0),
                           columns.getDimSize(1));
}

LogicalResult ScaleColumnsOp::verify() {
  // scale_columns_c2
  RankedTensorType scales = getScales().getType();
  if (failed(verifyOneRow(*this, scales)))
    return failure();
  int64_t width = getInput().getType().getDimSize(1);
  if (scales.getDimSize(1) != width)
    return emitOpError() << "expects " << width
                         << " scales, one a column, but got "
                         << scales.getDimSize(1);
  return success();
}

LogicalResult RopeOp::verify() {
  int64_t width = getInput().getType().getDimSize(1);
  int64_t headDim = getHeadDim();
  // rope_c2
  if (headDim % 2 != 0 || width % headDim != 0)
    return emitOpError() << "expects an even head_dim that divides the width "
                         << width << ", but got " << headDim;
  // rope_c3
  int64_t frequencies = getInverseFrequencies().size();
  if (frequencies < 1 || frequencies > headDim / 2)
    return emitOpError() << "expects 1 to " << headDim / 2
                         << " inverse frequencies, but got " << frequencies;
  return success();
}

/// Verifies that `layer` is one of the cache's.
static LogicalResult verifyLayer(Operation *op, KVCacheType cache,
                                 int64_t layer) {
  if (layer < cache.getLayers())
    return success();
  return op->emitOpError() << "expects a layer below " << cache.getLayers()
                           << ", but got " << layer;
}

LogicalResult KVAppendOp::verify() {
  KVCacheType cache = getCache().getType();
  // kv_append_c2
  int64_t width = cache.getHeads() * cache.getHeadDim();
  if (getKey().getType().getDimSize(1) != width)
    return emitOpError() << "expects keys and values of width " << width
                         << ", heads * head_dim of the cache, but got "
                         << getKey().getType().getDimSize(1);
  // kv_append_c3
  return verifyLayer(*this, cache, getLayer());
}

LogicalResult AttentionOp::verify() {
  KVCacheType cache = getCache().getType();
  // attention_c2
  int64_t kvWidth = cache.getHeads() * cache.getHeadDim();
  int64_t width = getQuery().getType().getDimSize(1);
  if (width % kvWidth != 0)
    return emitOpError() << "expects queries whose width is a multiple of "
                         << kvWidth << ", heads * head_dim of the cache, but "
                         << "got " << width;
  // attention_c3
  return verifyLayer(*this, cache, getLayer());
}
