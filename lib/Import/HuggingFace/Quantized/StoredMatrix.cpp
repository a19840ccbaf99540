// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of one quantized weight, found and checked.

#include "StoredMatrix.h"

#include "quern/Numerics/Columns.h"
#include "quern/Support/Text.h"

#include <algorithm>

using namespace quern;
using namespace quern::import;
using weights::CheckpointRole;
using weights::CheckpointTensor;
using weights::DType;
using weights::TensorInfo;

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

static std::string number(int64_t value) { return std::to_string(value); }

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
         role == CheckpointRole::Note || role == CheckpointRole::Table ||
         role == CheckpointRole::State;
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
    groups = &tensor;
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

Result<StoredMatrix> StoredBinder::build() {
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
  StoredMatrix matrix{*format, *layout, {}, groups != nullptr};
  for (size_t i = 0; i < tensors.size(); ++i) {
    const CheckpointTensor &tensor = entry->tensors[i];
    if (tensor.role == CheckpointRole::Segment)
      matrix.tensors.emplace_back(tensors[i]);
    if (tensor.role == CheckpointRole::Constant)
      matrix.tensors.emplace_back(scheme.constants.at(tensor.suffix));
  }
  if (groups)
    matrix.tensors.emplace_back(groups);
  return matrix;
}

Result<StoredMatrix> StoredBinder::bind(const weights::CheckpointEntry &chosen,
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
