// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Entries of share/checkpoints.txt, and what they say for a weight.

#include "quern/Support/Text.h"
#include "quern/Weights/Checkpoints.h"

#include <algorithm>

namespace quern::weights {

std::optional<int64_t>
CheckpointParameters::number(const std::string &name) const {
  auto found = numbers.find(name);
  return found == numbers.end() ? std::nullopt
                                : std::optional<int64_t>(found->second);
}

std::optional<std::string>
CheckpointParameters::text(const std::string &name) const {
  if (auto word = words.find(name); word != words.end())
    return word->second;
  if (std::optional<int64_t> value = number(name))
    return std::to_string(*value);
  return std::nullopt;
}

static std::string extentText(int64_t extent) {
  return extent == 0 ? "*" : std::to_string(extent);
}

static int64_t blocksOf(int64_t extent, int64_t block) {
  return block == 0 ? 1 : extent / block + (extent % block != 0);
}

void CheckpointParameters::setShape(int64_t rows, int64_t cols,
                                    int64_t blockRows, int64_t blockCols) {
  set("rows", rows);
  set("cols", cols);
  // What is cut in two directions may always be cut short: such is the format.
  bool isPartial = (blockRows > 1 && blockCols > 1) ||
                   (blockRows && rows % blockRows) ||
                   (blockCols && cols % blockCols);
  set("block", "[" + extentText(blockRows) + ", " + extentText(blockCols) +
                   "]" + (isPartial ? " partial" : ""));
  set("group", blockCols);
  set("down", blocksOf(rows, blockRows));
  set("across", blocksOf(cols, blockCols));
}

std::string floatNameOf(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "f32";
  case DType::F16:
    return "f16";
  case DType::BF16:
    return "bf16";
  case DType::F8_E4M3:
    return "f8E4M3FN";
  case DType::F8_E5M2:
    return "f8E5M2";
  case DType::F8_E8M0:
    return "f8E8M0FNU";
  default:
    return "";
  }
}

void CheckpointParameters::setType(const std::string &name, DType dtype) {
  set(name, floatNameOf(dtype));
  set(name + "_bits", int64_t(dtypeBits(dtype)));
}

bool CheckpointEntry::holdsFor(const CheckpointParameters &parameters) const {
  return std::all_of(
      conditions.begin(), conditions.end(), [&](const auto &condition) {
        std::optional<std::string> value = parameters.text(condition.parameter);
        return value &&
               std::find(condition.values.begin(), condition.values.end(),
                         *value) != condition.values.end();
      });
}

Result<std::string>
CheckpointEntry::formatText(const CheckpointParameters &parameters) const {
  return fillIn(format, parameters);
}

Result<std::string>
CheckpointEntry::layoutText(const CheckpointParameters &parameters) const {
  std::string text;
  for (const CheckpointTensor &tensor : tensors) {
    if (tensor.segment.empty())
      continue;
    Result<std::string> segment = fillIn(tensor.segment, parameters);
    if (!segment)
      return segment.status().withContext(tensor.suffix);
    text += (text.empty() ? "" : " + ") + *segment;
  }
  return text;
}

Result<std::vector<int64_t>>
CheckpointEntry::shapeOf(const CheckpointTensor &tensor,
                         const CheckpointParameters &parameters) const {
  std::vector<int64_t> shape;
  for (const std::string &extent : *tensor.shape) {
    Result<int64_t> value = evaluateExpression(extent, parameters);
    if (!value)
      return value.status().withContext(tensor.suffix);
    shape.push_back(*value);
  }
  return shape;
}

std::string CheckpointTensor::nameFor(const std::string &weight) const {
  const std::string end = ".weight";
  bool hasEnd =
      weight.size() > end.size() &&
      weight.compare(weight.size() - end.size(), end.size(), end) == 0;
  if (suffix[0] == '_')
    return weight + suffix;
  return (hasEnd ? weight.substr(0, weight.size() - end.size()) : weight) +
         "." + suffix;
}

const CheckpointEntry *
findCheckpointEntry(const std::string &name,
                    const CheckpointParameters &parameters) {
  for (const CheckpointEntry &entry : checkpointEntries())
    if (entry.name == name && entry.holdsFor(parameters))
      return &entry;
  return nullptr;
}

} // namespace quern::weights
