// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Tensors of a checkpoint that say something of a weight beside its
// segments.

#include "Methods.h"
#include "quern/Support/Text.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <cstring>
#include <optional>

using namespace quern;
using namespace quern::exporter;
using weights::CheckpointRole;
using weights::CheckpointTensor;

static Status invalid(const std::string &message) {
  return Status::error(StatusCode::InvalidArgument, message);
}

template <typename T>
static void setContents(const std::vector<T> &values, ContainerTensor &filled) {
  filled.contents.resize(values.size() * sizeof(T));
  std::memcpy(filled.contents.data(), values.data(), filled.contents.size());
}

/// The group of each column, all in their order.
static std::vector<int32_t> groupsOf(const StoredWeight &weight, int64_t cols) {
  int64_t size = weight.format.block.cols ? weight.format.block.cols : cols;
  std::vector<int32_t> groups;
  for (int64_t i = 0; i < cols; ++i)
    groups.push_back(int32_t(i / size));
  return groups;
}

/// A stream of codes of one value that fills the tensor.
static Status fillCodes(const StoredWeight &weight,
                        const CheckpointTensor &tensor,
                        ContainerTensor &filled) {
  Result<int64_t> value =
      weights::evaluateExpression(tensor.value, weight.parameters);
  if (!value)
    return value.status();
  size_t bits = weight.format.element.bits, bytes = 4;
  for (int64_t extent : filled.shape)
    bytes *= size_t(extent);
  filled.contents.assign(bytes, 0);
  for (size_t i = 0; i < bytes * 8; ++i)
    filled.contents[i / 8] |= uint8_t((*value >> (i % bits) & 1) << (i % 8));
  return Status::ok();
}

/// The table of a plane: `code` or `scale`.
static Status fillTable(const StoredWeight &weight,
                        const CheckpointTensor &tensor,
                        ContainerTensor &filled) {
  bool isCode = tensor.value == "code";
  if (!isCode && tensor.value != "scale")
    return invalid("expects the table of 'code' or 'scale', but got " +
                   inQuotes(tensor.value));
  const numerics::Element &element =
      isCode ? weight.format.element : weight.format.scale->element;
  setContents(element.codebook.values, filled);
  return Status::ok();
}

/// Decimals that are read as this float again, always as many characters.
static std::string fixedDecimals(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%-17.9e", double(value));
  return text;
}

/// bitsandbytes' description of a weight. `offset` is the mean of nested
/// scales, as text of one length.
static std::string stateText(const StoredWeight &weight,
                             const std::string &dtype,
                             const std::string &offset) {
  const weights::CheckpointParameters &parameters = weight.parameters;
  auto number = [&](const char *name) { return *parameters.number(name); };
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(llvm::json::Object{
      {"quant_type", *parameters.text("kind")},
      {"blocksize", number("block_size")},
      {"dtype", dtype},
      {"shape", llvm::json::Array{number("rows"), number("cols")}}});
  if (!number("nested"))
    return text;
  text.pop_back();
  return text +
         ",\"nested_blocksize\":" + std::to_string(number("nested_size")) +
         ",\"nested_dtype\":\"float32\",\"nested_offset\":" + offset + "}";
}

/// What the names of torch's types are in a description.
static std::string torchName(const std::string &dtype) {
  if (dtype == "BF16")
    return "bfloat16";
  return dtype == "F16" ? "float16" : "float32";
}

/// The index of the segment that is a constant of the weight, if it has one.
static std::optional<size_t> constantOf(const weights::CheckpointEntry &entry) {
  size_t segment = 0;
  for (const CheckpointTensor &tensor : entry.tensors) {
    if (tensor.role == CheckpointRole::Constant)
      return segment;
    segment += !tensor.segment.empty();
  }
  return std::nullopt;
}

/// The mean of nested scales is known once the weight has its codes.
static void fillState(const StoredWeight &weight, const std::string &dtype,
                      ContainerTensor &filled) {
  auto bytesWith = [weight, type = torchName(dtype)](float offset) {
    std::string text = stateText(weight, type, fixedDecimals(offset));
    return std::vector<uint8_t>(text.begin(), text.end());
  };
  filled.contents = bytesWith(0);
  filled.shape = {int64_t(filled.contents.size())};
  std::optional<size_t> constant = constantOf(*weight.entry);
  if (!constant)
    return;
  filled.weight = weight.name;
  filled.segment = *constant;
  filled.convert = [bytesWith](Span<const uint8_t> bytes) {
    float offset = 0;
    std::memcpy(&offset, bytes.data(), sizeof offset);
    return bytesWith(offset);
  };
}

Status exporter::fillContents(const StoredWeight &weight,
                              const CheckpointTensor &tensor,
                              const std::string &dtype,
                              ContainerTensor &filled) {
  int64_t rows = *weight.parameters.number("rows");
  int64_t cols = *weight.parameters.number("cols");
  Status status;
  switch (tensor.role) {
  case CheckpointRole::Shape:
    setContents(std::vector<int64_t>{rows, cols}, filled);
    break;
  case CheckpointRole::Groups:
    setContents(groupsOf(weight, cols), filled);
    break;
  case CheckpointRole::Codes:
    status = fillCodes(weight, tensor, filled);
    break;
  case CheckpointRole::Table:
    status = fillTable(weight, tensor, filled);
    break;
  case CheckpointRole::State:
    fillState(weight, dtype, filled);
    break;
  case CheckpointRole::Segment:
  case CheckpointRole::Constant:
  case CheckpointRole::Activation:
  case CheckpointRole::Note:
    return invalid("expects a tensor that is written, but got " +
                   inQuotes(tensor.suffix));
  }
  filled.bytes = filled.contents.size();
  return status;
}
