// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From the matrices of a quantized checkpoint to the weights of a model:
// what #qk.stored says of them.

#include "QuantizedWeights.h"

#include "StoredMatrix.h"
#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Import/Import.h"
#include "quern/Numerics/StoredRows.h"
#include "quern/Support/Text.h"
#include "quern/Weights/TensorView.h"

#include "mlir/IR/BuiltinAttributes.h"

#include <algorithm>

using namespace quern;
using namespace quern::import;
using weights::CheckpointEntry;
using weights::CheckpointTensor;
using weights::TensorInfo;

/// Says what the entries of that name are for.
static Status noEntry(const std::string &name,
                      const weights::CheckpointParameters &parameters) {
  std::string wanted, got;
  for (const CheckpointEntry &entry : weights::checkpointEntries()) {
    if (entry.name != name)
      continue;
    wanted += wanted.empty() ? "" : " or ";
    got.clear();
    const char *separator = "";
    for (const weights::CheckpointCondition &condition : entry.conditions) {
      std::string values;
      for (const std::string &value : condition.values)
        values += (values.empty() ? "" : "|") + value;
      wanted += separator + condition.parameter + "=" + values;
      got += separator + condition.parameter + "=" +
             parameters.text(condition.parameter).value_or("none");
      separator = ", ";
    }
  }
  return Status::error(StatusCode::Unsupported,
                       name + ": expects " + wanted + ", but got " + got);
}

/// The matrix that the tensors of weight `name` hold; nothing if it is numbers.
Result<std::optional<StoredMatrix>>
QuantizedWeights::bindMatrix(const std::string &name,
                             const std::vector<int64_t> &shape,
                             std::set<std::string> &used) const {
  Result<std::optional<StoredScheme>> scheme =
      method.schemeOf({name, shape[0], shape[1], source});
  if (!scheme)
    return scheme.status();
  if (!*scheme)
    return std::optional<StoredMatrix>();
  std::string entryName = (*scheme)->entry;
  StoredBinder binder(source, name, shape, std::move(**scheme));
  if (Status status = binder.setParameters(); !status)
    return status;
  const CheckpointEntry *entry =
      weights::findCheckpointEntry(entryName, binder.parameters());
  if (!entry)
    return noEntry(entryName, binder.parameters())
        .withContext(source.path() + ": weight " + inQuotes(name));
  if (isPlain(*entry, name))
    return std::optional<StoredMatrix>();
  Result<StoredMatrix> matrix = binder.bind(*entry, used);
  if (!matrix)
    return matrix.status();
  return std::optional<StoredMatrix>(std::move(*matrix));
}

Result<std::optional<BoundWeight>>
QuantizedWeights::bind(const Weight &weight,
                       std::set<std::string> &used) const {
  const Stored &stored = weight.stored;
  if (stored.shape.size() != 2)
    return PlainWeights::bind(weight, used);
  weights::TensorStack stack{stored.name, std::max<int64_t>(stored.stack, 1)};
  Result<std::optional<StoredMatrix>> matrix =
      bindMatrix(stack.name(0), stored.shape, used);
  if (!matrix)
    return matrix.status();
  if (!*matrix)
    return PlainWeights::bind(weight, used);
  if (stored.transposed)
    return weights::inTensor(
        (*matrix)->first(),
        Status::error(StatusCode::Unsupported,
                      "expects numbers, because the model stores its matrix "
                      "transposed, but got a quantized weight"));
  for (int64_t i = 1; i < stored.stack; ++i)
    if (Status status = checkAlike(stack, i, stored.shape, **matrix, used);
        !status)
      return status;
  Result<BoundWeight> bound = build(weight, **matrix);
  if (!bound)
    return bound.status();
  return std::optional<BoundWeight>(*bound);
}

/// Whether they differ in nothing but where their tensors are.
static bool areAlike(const StoredMatrix &a, const StoredMatrix &b) {
  if (a.format != b.format || a.layout != b.layout ||
      a.tensors.size() != b.tensors.size())
    return false;
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    auto *number = std::get_if<double>(&a.tensors[i]);
    auto *other = std::get_if<double>(&b.tensors[i]);
    if (!number != !other || (number && *number != *other))
      return false;
  }
  return true;
}

/// Fails unless expert `index` of `stack` is stored as the first one, `matrix`.
Status QuantizedWeights::checkAlike(const weights::TensorStack &stack,
                                    int64_t index,
                                    const std::vector<int64_t> &shape,
                                    const StoredMatrix &matrix,
                                    std::set<std::string> &used) const {
  if (matrix.hasOrder)
    return weights::inTensor(
        matrix.first(),
        Status::error(StatusCode::Unsupported,
                      "expects columns of experts in their order, because one "
                      "matrix holds all experts of a layer, but got a g_idx "
                      "that changes it; quantize without desc_act"));
  Result<std::optional<StoredMatrix>> other =
      bindMatrix(stack.name(index), shape, used);
  if (!other)
    return other.status();
  if (*other && areAlike(matrix, **other))
    return Status::ok();
  std::string got =
      *other ? "format " + numerics::printFormat((*other)->format) : "numbers";
  return Status::error(
      StatusCode::Unsupported,
      source.path() + ": weight " + inQuotes(stack.name(index)) +
          ": expects what expert 0 has, format " +
          numerics::printFormat(matrix.format) +
          ", because one matrix holds all experts of a layer, but got " + got +
          (*other && (*other)->format == matrix.format
               ? " with other constants or another layout"
               : ""));
}

/// The rows of `stored` that a weight has; null: all of one matrix.
static qk::RowsAttr rowsOf(mlir::MLIRContext &context, const Stored &stored) {
  if (stored.stack)
    return qk::RowsAttr::get(&context, stored.shape[0], stored.stack,
                             /*first=*/0, /*run=*/0, /*stride=*/0);
  if (stored.isPart)
    return qk::RowsAttr::get(&context, stored.shape[0], /*matrices=*/1,
                             stored.first, stored.run, stored.stride);
  return {};
}

/// The key that a tensor has in a stack: a star in place of its first number.
static std::string keyOf(const TensorInfo &tensor, const Stored &stored) {
  if (!stored.stack)
    return tensor.name;
  size_t star = stored.name.find('*');
  return stored.name.substr(0, star) + "*" + tensor.name.substr(star + 1);
}

Result<BoundWeight> QuantizedWeights::build(const Weight &weight,
                                            const StoredMatrix &matrix) const {
  const Stored &stored = weight.stored;
  numerics::Format format = matrix.format;
  if (stored.stack)
    format = numerics::stackedFormat(format, stored.shape[0]);
  std::vector<mlir::Attribute> values;
  for (auto &tensor : matrix.tensors) {
    if (auto *info = std::get_if<const TensorInfo *>(&tensor))
      values.push_back(param::ExternalAttr::get(&context, modelScope,
                                                keyOf(**info, stored)));
    else
      values.push_back(param::SplatAttr::get(
          &context, mlir::FloatAttr::get(mlir::Float32Type::get(&context),
                                         std::get<double>(tensor))));
  }
  auto encoding = qt::FormatAttr::get(&context, format);
  auto value = qk::StoredAttr::get(&context, values, encoding,
                                   qk::LayoutAttr::get(&context, matrix.layout),
                                   rowsOf(context, stored));
  int64_t rows = weight.shape[0];
  Status status =
      numerics::checkStoredRows(value.getStoredRows(rows),
                                value.getMatrixFormat(), rows, weight.shape[1]);
  if (!status)
    return weights::inTensor(
        matrix.first(), status.withContext("weight " + inQuotes(weight.name)));
  return BoundWeight{
      mlir::RankedTensorType::get(weight.shape,
                                  mlir::Float32Type::get(&context), encoding),
      value};
}

Status QuantizedWeights::checkRules() const {
  std::vector<std::string> modules;
  forEachWeight(architecture, [&](const Weight &weight) {
    const Stored &stored = weight.stored;
    weights::TensorStack stack{stored.name, std::max<int64_t>(stored.stack, 1)};
    for (int64_t i = 0; i < stack.count && stored.shape.size() == 2; ++i) {
      std::string name = stack.name(i);
      modules.push_back(name.substr(0, name.rfind('.')));
    }
    return true;
  });
  return method.checkRules(modules);
}

Status QuantizedWeights::checkQuantized(const BoundWeights &bound) const {
  bool isAny = std::any_of(bound.begin(), bound.end(), [](auto &weight) {
    return weight.second.type.getEncoding() != nullptr;
  });
  if (isAny || !method.isOfWeights())
    return Status::ok();
  return Status::error(StatusCode::InvalidFile,
                       source.path() +
                           ": expects weights that are quantized, as "
                           "'quantization_config' says, but got numbers alone; "
                           "take it out of config.json if that is right");
}

/// Modules that a configuration does not leave out may still be numbers.
bool QuantizedWeights::isPlain(const CheckpointEntry &entry,
                               const std::string &name) const {
  const CheckpointTensor &first = entry.tensors.front();
  const TensorInfo *plain = source.find(name);
  if (!plain || !floatTypeOf(context, plain->dtype))
    return false;
  bool isAnother = first.nameFor(name) != name;
  return isAnother ? !source.find(first.nameFor(name)) : !first.types.empty();
}
