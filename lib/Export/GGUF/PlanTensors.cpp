// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of a GGUF file, and the layouts of weights in them.

#include "quern/Export/Gguf.h"

#include "GgufModel.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Numerics/LayoutEdits.h"
#include "quern/Support/Text.h"
#include "quern/Weights/GgmlTypes.h"
#include "quern/Weights/GgufNames.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"

#include <cstring>

using namespace quern;
using namespace quern::exporter;
using numerics::Format;
using numerics::FormatRegistry;
using numerics::Layout;
using weights::GgmlType;
using weights::GgufArchitecture;

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

/// Norms of Gemma multiply by one more than their weight, those of its GGUF
/// files by what the file holds.
static void addOneToNorms(mlir::ModuleOp module) {
  mlir::SymbolTable symbols(module);
  mlir::Builder builder(module.getContext());
  module.walk([&](nn::RMSNormOp norm) {
    auto load = norm.getWeight().getDefiningOp<param::LoadOp>();
    if (!norm.getUnitOffset() || !load)
      return;
    auto global = symbols.lookup<param::GlobalOp>(load.getGlobal());
    mlir::Attribute value = global.getValue();
    auto sum = llvm::dyn_cast<param::SumAttr>(value);
    // What came from such a file is what it was there.
    if (sum && sum.getAddend().getValueAsDouble() == -1)
      global.setValueAttr(sum.getSource());
    else
      global.setValueAttr(param::SumAttr::get(module.getContext(), value,
                                              builder.getF32FloatAttr(1)));
  });
}

namespace {
/// Plans the tensors of one module.
class Planner {
public:
  Planner(mlir::ModuleOp module, const ModelFacts &facts,
          const GgufArchitecture &kind)
      : symbols(module), facts(facts), kind(kind) {}

  /// Adds the tensor that `global` begins; nothing for one that lies in another
  /// weight's tensor.
  Status add(param::GlobalOp global);

  std::vector<ContainerTensor> tensors;

private:
  Result<Holder> holderOf(param::GlobalOp global);
  Status addPart(param::GlobalOp global, const std::string &name, bool joins);
  Status checkParts(const std::vector<std::string> &parts);

  mlir::SymbolTable symbols;
  const ModelFacts &facts;
  const GgufArchitecture &kind;
};
} // namespace

Result<Holder> Planner::holderOf(param::GlobalOp global) {
  if (global.getTensorType().getRank() == 1)
    makeVectorF32(global);
  llvm::ArrayRef<int64_t> shape = global.getTensorType().getShape();
  Result<Format> format = qt::formatOf(global.getTensorType());
  if (!format)
    return format.status();
  return findHolder(*format, shape.size() == 2 ? shape[0] : 1, shape.back());
}

/// The shape of the tensor of a weight: matrices of experts lie one behind the
/// other.
static std::vector<int64_t> tensorShape(param::GlobalOp global,
                                        const ModelFacts &facts) {
  std::vector<int64_t> shape = global.getTensorType().getShape().vec();
  if (!weights::isOfExperts(global.getSymName().str()))
    return shape;
  return {facts.experts, shape[0] / facts.experts, shape[1]};
}

Status Planner::addPart(param::GlobalOp global, const std::string &name,
                        bool joins) {
  std::string weight = global.getSymName().str();
  Result<Holder> holder = holderOf(global);
  if (!holder)
    return holder.status();
  std::vector<int64_t> shape = global.getTensorType().getShape().vec();
  int64_t rows = shape.size() == 2 ? shape[0] : 1, cols = shape.back();
  Layout &layout = holder->layout;
  if (layout.segments.size() > 1 &&
      (joins || weights::isOfExperts(weight) ||
       weights::ggufPartsOf(kind, weight).size() > 1))
    return Status::error(StatusCode::Unsupported,
                         "expects a format without a factor of the whole "
                         "weight, because its tensor holds other matrices, "
                         "too; give the weight another by --rule");
  if (weights::hasPairedRows(kind, weight))
    numerics::pairHalves(layout, shape, facts.headDim);
  global.setLayoutAttr(qk::LayoutAttr::get(global.getContext(), layout));
  for (size_t i = 0; i < layout.segments.size(); ++i) {
    ContainerTensor tensor;
    tensor.name = tensorName(name, i);
    tensor.type = i == 0 ? holder->type->name : "F32";
    tensor.shape =
        i == 0 ? tensorShape(global, facts) : std::vector<int64_t>{1};
    tensor.bytes = numerics::segmentBytes(layout, i, rows, cols);
    tensor.weight = weight;
    tensor.segment = i;
    tensor.joinsPrevious = joins;
    tensors.push_back(std::move(tensor));
  }
  return Status::ok();
}

/// Fails unless the weights of one tensor have one type.
Status Planner::checkParts(const std::vector<std::string> &parts) {
  std::string first, firstFormat;
  for (const std::string &part : parts) {
    auto global = symbols.lookup<param::GlobalOp>(part);
    if (!global)
      return Status::error(StatusCode::Unsupported,
                           "expects beside it the weight " + inQuotes(part) +
                               ", with which it is one tensor of the file, but "
                               "there is none");
    Result<Holder> holder = holderOf(global);
    if (!holder)
      return holder.status().withContext("weight " + inQuotes(part));
    std::string type = holder->type->name;
    if (first.empty())
      first = type;
    if (type != first)
      return Status::error(
          StatusCode::Unsupported,
          "expects one type in the weights of a tensor that the file fuses, "
          "but got " +
              first + " in " + inQuotes(parts.front()) + " and " + type +
              " in " + inQuotes(part) + "; give them one format by --rule");
  }
  return Status::ok();
}

Status Planner::add(param::GlobalOp global) {
  std::string weight = global.getSymName().str();
  std::string name = weights::ggufNameOf(kind, weight);
  if (name == weight)
    return Status::error(StatusCode::Unsupported,
                         "expects a weight that GGUF files have a name for");
  std::vector<std::string> parts = weights::ggufPartsOf(kind, weight);
  if (parts.size() == 1)
    return addPart(global, name, /*joins=*/false);
  if (weight != parts.front())
    return Status::ok();
  if (Status status = checkParts(parts); !status)
    return status;
  for (const std::string &part : parts)
    if (Status status = addPart(symbols.lookup<param::GlobalOp>(part), name,
                                /*joins=*/part != weight);
        !status)
      return status;
  return Status::ok();
}

/// llama.cpp's way to say that frequencies are scaled each by a number of its
/// own.
static ContainerTensor ropeTensor(const char *name,
                                  const std::vector<float> &factors) {
  ContainerTensor tensor;
  tensor.name = name;
  tensor.type = "F32";
  tensor.shape = {static_cast<int64_t>(factors.size())};
  tensor.bytes = factors.size() * sizeof(float);
  tensor.contents.resize(tensor.bytes);
  std::memcpy(tensor.contents.data(), factors.data(), tensor.bytes);
  return tensor;
}

Result<std::vector<ContainerTensor>>
exporter::planGguf(mlir::ModuleOp module, const ModelFacts &facts) {
  Result<const GgufArchitecture *> kind = ggufArchitecture(facts);
  if (!kind)
    return kind.status();
  addOneToNorms(module);
  Planner planner(module, facts, **kind);
  for (auto global : module.getOps<param::GlobalOp>())
    if (Status status = planner.add(global); !status)
      return status.withContext("weight " +
                                inQuotes(global.getSymName().str()));
  if (!facts.ropeFactors.empty() && !linearFactor(facts))
    planner.tensors.push_back(
        ropeTensor((*kind)->ropeFactors, facts.ropeFactors));
  return std::move(planner.tensors);
}
