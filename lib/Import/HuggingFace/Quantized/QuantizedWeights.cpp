// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From the tensors of a quantized weight to what #qk.stored says of them.

#include "QuantizedWeights.h"

#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Import/Import.h"
#include "quern/Numerics/Columns.h"
#include "quern/Support/Text.h"

#include "mlir/IR/BuiltinAttributes.h"

#include <algorithm>

using namespace quern;
using namespace quern::import;
using weights::CheckpointEntry;
using weights::CheckpointRole;
using weights::CheckpointTensor;
using weights::DType;
using weights::TensorInfo;

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

static std::string number(int64_t value) { return std::to_string(value); }

namespace {
/// Puts one weight together.
class StoredBinder {
public:
  StoredBinder(mlir::MLIRContext &context, const weights::WeightSource &source,
               const std::string &name, const std::vector<int64_t> &shape,
               StoredScheme scheme)
      : context(context), source(source), name(name), rows(shape[0]),
        cols(shape[1]), scheme(std::move(scheme)) {}

  Result<BoundWeight> bind(const CheckpointEntry &entry,
                           std::set<std::string> &used);
  /// Sets what the extents and types of the weight's tensors say.
  Status setParameters();
  const weights::CheckpointParameters &parameters() const {
    return scheme.parameters;
  }

private:
  Status findTensors(std::set<std::string> &used);
  Status checkTensors();
  std::string mismatchOf(const CheckpointTensor &expected,
                         const TensorInfo &found) const;
  Status checkExtents(const TensorInfo &tensor) const;
  Status readGroups(const TensorInfo &tensor);
  Status checkBytes(const numerics::Layout &layout) const;
  Result<BoundWeight> build();
  mlir::Attribute external(const TensorInfo &tensor) const {
    return param::ExternalAttr::get(&context, modelScope, tensor.name);
  }

  mlir::MLIRContext &context;
  const weights::WeightSource &source;
  const std::string &name;
  int64_t rows, cols;
  StoredScheme scheme;
  const CheckpointEntry *entry = nullptr;
  std::vector<const TensorInfo *> tensors; ///< of the entry; null: absent
  const TensorInfo *first = nullptr;
  mlir::Attribute groups; ///< null: columns lie in order
};
} // namespace

/// Extents of one are left out.
static std::vector<int64_t> squeezed(const std::vector<int64_t> &shape) {
  std::vector<int64_t> result;
  for (int64_t extent : shape)
    if (extent != 1)
      result.push_back(extent);
  return result;
}

Status StoredBinder::setParameters() {
  int64_t group = scheme.blockCols;
  bool isGroup = scheme.blockRows == 1 && group > 0;
  if (isGroup && cols % group)
    return invalid("weight " + inQuotes(name) +
                   ": expects a group size that "
                   "divides its " +
                   number(cols) + " columns, but got " + number(group));
  if (isGroup && group == cols)
    scheme.blockCols = 0; // a group is a row
  if (!parameters().text("block"))
    scheme.parameters.setShape(rows, cols, scheme.blockRows, scheme.blockCols);
  scheme.parameters.set("group", group);
  return Status::ok();
}

/// Tensors that say nothing of the numbers may be missing.
static bool isOptional(CheckpointRole role) {
  return role == CheckpointRole::Groups || role == CheckpointRole::Activation ||
         role == CheckpointRole::Note;
}

Status StoredBinder::findTensors(std::set<std::string> &used) {
  for (const CheckpointTensor &expected : entry->tensors) {
    tensors.push_back(nullptr);
    if (expected.role == CheckpointRole::Constant)
      continue;
    Result<std::string> suffix = weights::fillIn(expected.suffix, parameters());
    if (!suffix)
      return suffix.status();
    CheckpointTensor named;
    named.suffix = *suffix;
    std::string key = named.nameFor(name);
    const TensorInfo *found = source.find(key);
    tensors.back() = found;
    if (found)
      used.insert(key);
    if (!first)
      first = found;
    if (found || isOptional(expected.role))
      continue;
    if (!first)
      return invalid(source.path() + ": missing tensors: " + inQuotes(key));
    return weights::inTensor(*first, invalid("expects " + inQuotes(key) +
                                             " beside it, but there is none"));
  }
  return Status::ok();
}

static std::string typesText(const std::vector<DType> &types) {
  std::string text;
  for (DType type : types)
    text += (text.empty() ? "" : " or ") + std::string(dtypeName(type));
  return text;
}

/// What `found` should be and is; "" if it is as expected.
std::string StoredBinder::mismatchOf(const CheckpointTensor &expected,
                                     const TensorInfo &found) const {
  std::string wanted, got;
  bool isTyped = !expected.types.empty();
  if (isTyped && std::find(expected.types.begin(), expected.types.end(),
                           found.dtype) == expected.types.end()) {
    wanted = typesText(expected.types);
    got = found.typeText();
  }
  if (expected.shape) {
    Result<std::vector<int64_t>> shape = entry->shapeOf(expected, parameters());
    if (!shape)
      return inQuotes(found.name) + ": " + shape.status().message();
    if (squeezed(*shape) != squeezed(found.shape)) {
      wanted += (wanted.empty() ? "shape " : " of shape ") + shapeText(*shape);
      got += (got.empty() ? "" : " of ") + shapeText(found.shape);
    }
  }
  if (wanted.empty())
    return "";
  return inQuotes(found.name) + ": expects " + wanted + ", but got " + got;
}

/// All that is wrong is said at once: which tensor is to blame is not known.
Status StoredBinder::checkTensors() {
  std::string problems;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const CheckpointTensor &expected = entry->tensors[i];
    if (!tensors[i] || expected.role == CheckpointRole::Activation)
      continue;
    if (!expected.typeName.empty())
      scheme.parameters.setType(expected.typeName, tensors[i]->dtype);
    std::string problem = mismatchOf(expected, *tensors[i]);
    if (!problem.empty())
      problems += (problems.empty() ? "" : "; ") + problem;
  }
  if (problems.empty())
    return Status::ok();
  return invalid(*first->file + ": weight " + inQuotes(name) + " of [" +
                 number(rows) + ", " + number(cols) + "]: " + problems);
}

/// Little-endian integers of 64 bits.
Status StoredBinder::checkExtents(const TensorInfo &tensor) const {
  std::vector<int64_t> found;
  for (size_t i = 0; i < 2; ++i) {
    uint64_t extent = 0;
    for (size_t b = 0; b < 8; ++b)
      extent |= uint64_t(tensor.bytes[8 * i + b]) << (8 * b);
    found.push_back(int64_t(extent));
  }
  if (found == std::vector<int64_t>{rows, cols})
    return Status::ok();
  return weights::inTensor(
      tensor, invalid("expects the extents of the weight, [" + number(rows) +
                      ", " + number(cols) + "], but got " + shapeText(found)));
}

/// Columns whose groups ascend are in order.
Status StoredBinder::readGroups(const TensorInfo &tensor) {
  Result<std::vector<int32_t>> order =
      numerics::orderByGroup(tensor.bytes, cols, scheme.blockCols);
  if (!order)
    return weights::inTensor(tensor, order.status());
  if (!std::is_sorted(order->begin(), order->end()))
    groups = external(tensor);
  return Status::ok();
}

/// Tensors of any shape must have the bytes of their segments.
Status StoredBinder::checkBytes(const numerics::Layout &layout) const {
  size_t segment = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (entry->tensors[i].segment.empty())
      continue;
    int64_t bytes = numerics::segmentBytes(layout, segment++, rows, cols);
    if (tensors[i] && int64_t(tensors[i]->bytes.size()) != bytes)
      return weights::inTensor(
          *tensors[i],
          invalid("expects " + number(bytes) + " bytes for a weight of [" +
                  number(rows) + ", " + number(cols) + "], but got " +
                  std::to_string(tensors[i]->bytes.size())));
  }
  return Status::ok();
}

Result<BoundWeight> StoredBinder::build() {
  Result<std::string> formatText = entry->formatText(parameters());
  if (!formatText)
    return formatText.status();
  if (groups)
    *formatText += ", columns ordered";
  Result<numerics::Format> format =
      numerics::FormatRegistry::builtin().resolve(*formatText);
  if (!format)
    return format.status();
  Result<std::string> layoutText = entry->layoutText(parameters());
  if (!layoutText)
    return layoutText.status();
  Result<numerics::Layout> layout = numerics::parseLayout(*layoutText);
  if (!layout)
    return layout.status();
  if (Status status = numerics::checkShape(*format, rows, cols); !status)
    return weights::inTensor(*first, status);
  if (Status status = checkBytes(*layout); !status)
    return status;
  std::vector<mlir::Attribute> values;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const CheckpointTensor &tensor = entry->tensors[i];
    if (tensor.role == CheckpointRole::Segment)
      values.push_back(external(*tensors[i]));
    if (tensor.role == CheckpointRole::Constant)
      values.push_back(param::SplatAttr::get(
          &context, mlir::FloatAttr::get(mlir::Float32Type::get(&context),
                                         scheme.constants.at(tensor.suffix))));
  }
  if (groups)
    values.push_back(groups);
  auto encoding = qt::FormatAttr::get(&context, *format);
  return BoundWeight{
      mlir::RankedTensorType::get({rows, cols},
                                  mlir::Float32Type::get(&context), encoding),
      qk::StoredAttr::get(&context, values, encoding,
                          qk::LayoutAttr::get(&context, *layout))};
}

Result<BoundWeight> StoredBinder::bind(const CheckpointEntry &chosen,
                                       std::set<std::string> &used) {
  entry = &chosen;
  if (Status status = findTensors(used); !status)
    return status;
  if (Status status = checkTensors(); !status)
    return status;
  for (size_t i = 0; i < tensors.size(); ++i) {
    CheckpointRole role = entry->tensors[i].role;
    Status status;
    if (tensors[i] && role == CheckpointRole::Shape)
      status = checkExtents(*tensors[i]);
    else if (tensors[i] && role == CheckpointRole::Groups)
      status = readGroups(*tensors[i]);
    if (!status)
      return status;
  }
  return build();
}

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

Result<std::optional<BoundWeight>>
QuantizedWeights::bind(const std::string &name,
                       const std::vector<int64_t> &shape,
                       std::set<std::string> &used) const {
  if (shape.size() != 2)
    return PlainWeights::bind(name, shape, used);
  Result<std::optional<StoredScheme>> scheme =
      method.schemeOf({name, shape[0], shape[1], source});
  if (!scheme)
    return scheme.status();
  if (!*scheme)
    return PlainWeights::bind(name, shape, used);
  std::string entryName = (*scheme)->entry;
  StoredBinder binder(context, source, name, shape, std::move(**scheme));
  if (Status status = binder.setParameters(); !status)
    return status;
  const CheckpointEntry *entry =
      weights::findCheckpointEntry(entryName, binder.parameters());
  if (!entry)
    return noEntry(entryName, binder.parameters())
        .withContext(source.path() + ": weight " + inQuotes(name));
  if (isPlain(*entry, name))
    return PlainWeights::bind(name, shape, used);
  Result<BoundWeight> weight = binder.bind(*entry, used);
  if (!weight)
    return weight.status();
  return std::optional<BoundWeight>(*weight);
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
