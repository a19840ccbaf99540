// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which entry of share/checkpoints.txt holds a weight.

#include "Methods.h"
#include "PlainTypes.h"

#include "llvm/ADT/STLExtras.h"

#include <cstdio>

using namespace quern;
using namespace quern::exporter;
using numerics::Format;
using weights::CheckpointParameters;
using weights::DType;

std::optional<DType> exporter::plainType(const Format &format) {
  if (format.element.kind != numerics::ElementKind::Float || format.isScaled())
    return std::nullopt;
  for (DType type : {DType::F32, DType::F16, DType::BF16, DType::F8_E4M3,
                     DType::F8_E5M2, DType::F8_E8M0})
    if (weights::floatNameOf(type) == format.element.floatType->name)
      return type;
  return std::nullopt;
}

/// A codebook as formats write it out: the floats that it is read as again.
static std::string tableText(const std::vector<float> &values) {
  std::string text;
  for (float value : values) {
    char number[32];
    std::snprintf(number, sizeof number, "%.9g", double(value));
    text += (text.empty() ? "[" : ", ") + std::string(number);
  }
  return text + "]";
}

static const char *typeOf(const Format &format) {
  switch (format.element.kind) {
  case numerics::ElementKind::Int:
    return "int";
  case numerics::ElementKind::Float:
    return "float";
  case numerics::ElementKind::Codebook:
    return "codebook";
  }
  return "";
}

static const char *strategyOf(const Format &format) {
  const numerics::BlockShape &block = format.block;
  if (format.scale->isScaled())
    return "tensor_group";
  if (block.rows == 1)
    return block.cols ? "group" : "channel";
  return block.rows || block.cols ? "block" : "tensor";
}

/// The parameters that a format says.
static CheckpointParameters parametersOf(const Format &format, int64_t rows,
                                         int64_t cols) {
  CheckpointParameters parameters;
  parameters.setShape(rows, cols, format.block.rows, format.block.cols);
  if (format.isFlat)
    parameters.set("block", "[1, " + std::to_string(format.block.cols) + "]");
  unsigned bits = format.element.bits;
  parameters.set("block_size", format.block.cols);
  parameters.set("bits", int64_t(bits));
  parameters.set("middle", int64_t(1) << (bits - 1));
  parameters.set("type", std::string(typeOf(format)));
  parameters.set("symmetric",
                 int64_t(format.offsetKind == numerics::OffsetKind::None));
  parameters.set("strategy", std::string(strategyOf(format)));
  const Format &scale = *format.scale;
  parameters.set("nested", int64_t(scale.isScaled()));
  if (std::optional<DType> type = plainType(scale))
    parameters.setType("scale", *type);
  if (scale.isScaled() &&
      scale.element.kind == numerics::ElementKind::Codebook) {
    parameters.set("nested_size", scale.block.cols);
    parameters.set("map", tableText(scale.element.codebook.values));
  }
  return parameters;
}

/// Adds what a candidate is tried with. False if the format says otherwise.
static bool addParameters(const Candidate &candidate,
                          CheckpointParameters &parameters) {
  for (const auto &[name, value] : candidate.parameters) {
    std::optional<std::string> said = parameters.text(name);
    if (said && *said != value)
      return false;
    bool isNumber = value.find_first_not_of("0123456789") == std::string::npos;
    if (isNumber)
      parameters.set(name, int64_t(std::stoll(value)));
    else
      parameters.set(name, value);
  }
  return true;
}

/// Whether the type of the scales is one that the entry has.
static bool hasScaleType(const weights::CheckpointEntry &entry,
                         const Format &format) {
  std::optional<DType> type = plainType(*format.scale);
  return llvm::all_of(entry.tensors, [&](const auto &tensor) {
    return tensor.typeName.empty() ||
           (type && llvm::is_contained(tensor.types, *type));
  });
}

/// Fails where extents of the weight are none that the tensors have.
static Status checkShapes(const weights::CheckpointEntry &entry,
                          const CheckpointParameters &parameters) {
  for (const weights::CheckpointTensor &tensor : entry.tensors)
    if (tensor.shape)
      if (Result<std::vector<int64_t>> shape =
              entry.shapeOf(tensor, parameters);
          !shape)
        return shape.status();
  return Status::ok();
}

static bool holdsFormat(const weights::CheckpointEntry &entry,
                        const CheckpointParameters &parameters,
                        const Format &format) {
  if (!hasScaleType(entry, format))
    return false;
  Result<std::string> text = entry.formatText(parameters);
  if (!text)
    return false;
  Result<Format> held = numerics::FormatRegistry::builtin().resolve(*text);
  return held && numerics::decodesAs(*held, format);
}

Result<bool> exporter::findEntry(const Method &method, int64_t rows,
                                 int64_t cols, StoredWeight &weight) {
  Status misfit;
  if (!weight.format.isScaled())
    return false;
  for (const Candidate &candidate : method.candidates) {
    CheckpointParameters parameters = parametersOf(weight.format, rows, cols);
    if (!addParameters(candidate, parameters))
      continue;
    const weights::CheckpointEntry *entry =
        weights::findCheckpointEntry(candidate.entry, parameters);
    if (!entry || !holdsFormat(*entry, parameters, weight.format))
      continue;
    if (Status status = checkShapes(*entry, parameters); !status) {
      misfit = status;
      continue;
    }
    weight.entry = entry;
    weight.variant = candidate.variant;
    weight.parameters = std::move(parameters);
    return true;
  }
  if (!misfit)
    return misfit;
  return false;
}
