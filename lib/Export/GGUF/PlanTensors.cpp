// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of a GGUF file, and the layouts of weights in them.

#include "quern/Export/Gguf.h"

#include "GgufModel.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Numerics/LayoutEdits.h"
#include "quern/Support/Text.h"
#include "quern/Weights/GgmlTypes.h"
#include "quern/Weights/GgufNames.h"

#include <cstring>

using namespace quern;
using namespace quern::exporter;
using numerics::Format;
using numerics::FormatRegistry;
using numerics::Layout;
using weights::GgmlType;

namespace {
/// A type of ggml that holds the codes of a format, and where.
struct Holder {
  const GgmlType *type = nullptr;
  Layout layout;
};
} // namespace

static std::string nameOf(const Format &format) {
  std::string name = FormatRegistry::builtin().nameOf(format);
  std::string text = numerics::printFormat(format);
  return name.empty() || name == text ? text : name + " (" + text + ")";
}

/// Types of plain elements have the names of the formats in capitals.
static std::optional<Holder> findPlain(const Format &format, int64_t rows,
                                       int64_t cols) {
  for (const GgmlType &type : weights::ggmlTypes()) {
    if (!type.encoding.empty())
      continue;
    std::string name = llvm::StringRef(type.name).lower();
    const Format *plain = FormatRegistry::builtin().lookup(name);
    if (plain && numerics::decodesAs(format, *plain))
      return Holder{&type, numerics::makeDenseLayout(format, rows, cols)};
  }
  return std::nullopt;
}

static std::optional<Holder> findBlocks(const Format &format) {
  for (const GgmlType &type : weights::ggmlTypes()) {
    const Format *blocks = FormatRegistry::builtin().lookup(type.encoding);
    const Layout *layout = numerics::lookupLayout(type.encoding);
    if (type.encoding.empty() || !blocks || !layout)
      continue;
    if (numerics::decodesAs(format, *blocks))
      return Holder{&type, *layout};
    if (layout->segments.size() == 1)
      continue;
    Holder shorter{&type, *layout};
    Format whole = *blocks;
    numerics::leaveOutTensorScale(whole, shorter.layout);
    if (numerics::decodesAs(format, whole))
      return shorter;
  }
  return std::nullopt;
}

/// Formats that types have the names of.
static std::string blockNames() {
  std::string names;
  for (const GgmlType &type : weights::ggmlTypes())
    if (FormatRegistry::builtin().lookup(type.encoding))
      names += (names.empty() ? "" : ", ") + type.encoding;
  return names;
}

static Result<Holder> findHolder(const Format &format, int64_t rows,
                                 int64_t cols) {
  std::optional<Holder> holder =
      format.isScaled() ? findBlocks(format) : findPlain(format, rows, cols);
  if (!holder)
    return Status::error(StatusCode::Unsupported,
                         "expects a format that a type of ggml holds, one of " +
                             blockNames() + ", but got " + nameOf(format) +
                             "; give the weight another by --format or --rule");
  if (cols % holder->type->blockColumns)
    return Status::error(StatusCode::Unsupported,
                         "expects rows of a multiple of " +
                             std::to_string(holder->type->blockColumns) +
                             " columns, as " + holder->type->name +
                             " has them, but got " + std::to_string(cols) +
                             "; give the weight another format by --rule");
  return *holder;
}

/// The names of the tensors of the segments of a layout: a weight, and the
/// factor that all of it is multiplied by.
static std::string tensorName(const std::string &weight, size_t segment) {
  return segment == 0 ? weight : weights::ggufCompanionOf(weight, ".scale");
}

/// llama.cpp has vectors in f32 only.
static void makeVectorF32(param::GlobalOp global) {
  mlir::MLIRContext *context = global.getContext();
  global.setType(mlir::RankedTensorType::get(global.getTensorType().getShape(),
                                             mlir::Float32Type::get(context)));
}

static Status planWeight(param::GlobalOp global, const ModelFacts &facts,
                         const std::string &architecture,
                         std::vector<ContainerTensor> &tensors) {
  std::string weight = global.getSymName().str();
  std::string name = weights::ggufNameOf(weight);
  if (name == weight)
    return Status::error(StatusCode::Unsupported,
                         "expects a weight that GGUF files have a name for");
  if (global.getTensorType().getRank() == 1)
    makeVectorF32(global);
  std::vector<int64_t> shape = global.getTensorType().getShape().vec();
  int64_t rows = shape.size() == 2 ? shape[0] : 1, cols = shape.back();
  Result<Format> format = qt::formatOf(global.getTensorType());
  if (!format)
    return format.status();
  Result<Holder> holder = findHolder(*format, rows, cols);
  if (!holder)
    return holder.status();
  if (weights::hasPairedRows(architecture, weight))
    numerics::pairHalves(holder->layout, shape, facts.headDim);
  global.setLayoutAttr(
      qk::LayoutAttr::get(global.getContext(), holder->layout));
  for (size_t i = 0; i < holder->layout.segments.size(); ++i) {
    ContainerTensor tensor;
    tensor.name = tensorName(name, i);
    tensor.type = i == 0 ? holder->type->name : "F32";
    tensor.shape = i == 0 ? shape : std::vector<int64_t>{1};
    tensor.bytes = numerics::segmentBytes(holder->layout, i, rows, cols);
    tensor.weight = weight;
    tensor.segment = i;
    tensors.push_back(std::move(tensor));
  }
  return Status::ok();
}

/// Llama's way to say that frequencies are scaled each by a number of its own.
static ContainerTensor ropeTensor(const std::vector<float> &factors) {
  ContainerTensor tensor;
  tensor.name = weights::ropeFactorsName;
  tensor.type = "F32";
  tensor.shape = {static_cast<int64_t>(factors.size())};
  tensor.bytes = factors.size() * sizeof(float);
  tensor.contents.resize(tensor.bytes);
  std::memcpy(tensor.contents.data(), factors.data(), tensor.bytes);
  return tensor;
}

Result<std::vector<ContainerTensor>>
exporter::planGguf(mlir::ModuleOp module, const ModelFacts &facts) {
  Result<std::string> architecture = ggufArchitecture(facts);
  if (!architecture)
    return architecture.status();
  std::vector<ContainerTensor> tensors;
  for (auto global : module.getOps<param::GlobalOp>())
    if (Status status = planWeight(global, facts, *architecture, tensors);
        !status)
      return status.withContext("weight " +
                                inQuotes(global.getSymName().str()));
  if (!facts.ropeFactors.empty() && !linearFactor(facts))
    tensors.push_back(ropeTensor(facts.ropeFactors));
  return tensors;
}
