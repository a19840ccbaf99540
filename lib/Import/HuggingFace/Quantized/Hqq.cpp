// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file HQQ: every weight says its parameters in small tensors beside it.

#include "../../Limits.h"
#include "Methods.h"
#include "quern/Support/Text.h"

#include <algorithm>

namespace quern::import {

using weights::DType;
using weights::TensorInfo;

static Status unsupported(const TensorInfo &tensor, std::string message) {
  return weights::inTensor(
      tensor, Status::error(StatusCode::Unsupported, std::move(message)));
}

namespace {
/// The small tensors beside one weight. The first error is kept.
class Notes {
public:
  explicit Notes(const WeightRequest &weight) : weight(weight) {}

  Status status;

  /// `count` integers of any type; empty if the tensor is not there.
  std::vector<int64_t> integers(const std::string &name, size_t count);
  /// Fails unless the tensor is absent or holds `expected`.
  void require(const std::string &name, int64_t expected);
  /// The characters of a tensor of them.
  std::string text(const std::string &name);

private:
  const WeightRequest &weight;
};
} // namespace

/// The bytes of an integer of type `type`; 0 if it is none.
static size_t integerBytes(DType type) {
  switch (type) {
  case DType::U8:
  case DType::BOOL:
    return 1;
  case DType::I32:
    return 4;
  case DType::I64:
    return 8;
  default:
    return 0;
  }
}

std::vector<int64_t> Notes::integers(const std::string &name, size_t count) {
  const TensorInfo *tensor = weight.find(name);
  std::vector<int64_t> values;
  if (!tensor || !status)
    return values;
  size_t width = integerBytes(tensor->dtype);
  if (width == 0 || tensor->bytes.size() != width * count) {
    std::string what =
        count == 1 ? "an integer" : std::to_string(count) + " integers";
    status = unsupported(*tensor, "expects " + what + ", but got " +
                                      tensor->typeText() + " of shape " +
                                      shapeText(tensor->shape));
    return values;
  }
  for (size_t i = 0; i < count; ++i) {
    uint64_t value = 0;
    for (size_t b = width; b-- > 0;)
      value = value << 8 | tensor->bytes[i * width + b];
    values.push_back(width == 4 ? int64_t(int32_t(value)) : int64_t(value));
  }
  return values;
}

void Notes::require(const std::string &name, int64_t expected) {
  std::vector<int64_t> found = integers(name, 1);
  if (status && !found.empty() && found[0] != expected)
    status = unsupported(*weight.find(name),
                         "expects " + std::to_string(expected) + ", but got " +
                             std::to_string(found[0]));
}

std::string Notes::text(const std::string &name) {
  const TensorInfo *tensor = weight.find(name);
  if (!tensor || !status)
    return "";
  constexpr size_t longest = 64;
  if (tensor->dtype == DType::U8 && tensor->bytes.size() <= longest)
    return std::string(tensor->bytes.begin(), tensor->bytes.end());
  status = unsupported(*tensor, "expects at most " + std::to_string(longest) +
                                    " characters as U8, but got " +
                                    tensor->typeText() + " of shape " +
                                    shapeText(tensor->shape));
  return "";
}

/// The program evaluates this text; here it may be one of three.
static void checkComputeType(const WeightRequest &weight, Notes &notes) {
  std::string type = notes.text("compute_dtype");
  const char *known[] = {"", "torch.float16", "torch.bfloat16",
                         "torch.float32"};
  bool isKnown = std::any_of(std::begin(known), std::end(known),
                             [&](const char *one) { return type == one; });
  if (notes.status && !isKnown)
    notes.status = unsupported(*weight.find("compute_dtype"),
                               "expects 'torch.float16', 'torch.bfloat16' or "
                               "'torch.float32', but got " +
                                   inQuotes(type));
}

static void checkShape(const WeightRequest &weight, Notes &notes) {
  std::vector<int64_t> shape = notes.integers("shape", 2);
  std::vector<int64_t> expected = {weight.rows, weight.cols};
  if (notes.status && !shape.empty() && shape != expected)
    notes.status =
        weights::inTensor(*weight.find("shape"),
                          Status::error(StatusCode::InvalidFile,
                                        "expects the extents of the weight, " +
                                            shapeText(expected) + ", but got " +
                                            shapeText(shape)));
}

namespace {
class Hqq : public CheckpointMethod {
public:
  Result<std::optional<StoredScheme>>
  schemeOf(const WeightRequest &weight) const override {
    const TensorInfo *codes = weight.find("W_q");
    if (!codes)
      return std::optional<StoredScheme>();
    Notes notes(weight);
    std::vector<int64_t> bits = notes.integers("nbits", 1);
    std::vector<int64_t> group = notes.integers("group_size", 1);
    notes.require("axis", 1);
    for (const char *name : {"view_as_float", "quant_scale", "quant_zero"})
      notes.require(name, 0);
    notes.require("channel_wise", 1);
    checkComputeType(weight, notes);
    checkShape(weight, notes);
    if (!notes.status)
      return notes.status;
    if (bits.empty() || group.empty())
      return unsupported(*codes, "expects tensors 'nbits' and 'group_size' "
                                 "beside it, but there are not both");
    if (group[0] < 1 || group[0] > widthLimit)
      return unsupported(*weight.find("group_size"),
                         "expects a number of columns, but got " +
                             std::to_string(group[0]));
    StoredScheme scheme;
    scheme.entry = "hqq";
    scheme.blockCols = group[0];
    scheme.parameters.set("bits", bits[0]);
    return std::optional<StoredScheme>(scheme);
  }
};
} // namespace

std::unique_ptr<CheckpointMethod> readHqq(Config &) {
  return std::make_unique<Hqq>();
}

} // namespace quern::import
