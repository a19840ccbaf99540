// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of a quantized checkpoint, and the layouts of weights in
// them.

#include "Methods.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Export/Checkpoint.h"
#include "quern/Support/Text.h"

#include "mlir/IR/SymbolTable.h"

#include <cstring>

using namespace quern;
using namespace quern::exporter;
using numerics::Format;
using weights::CheckpointRole;
using weights::CheckpointTensor;
using weights::DType;

static Status unsupported(const std::string &message) {
  return Status::error(StatusCode::Unsupported, message);
}

/// The type in safetensors files of the numbers of `format`, if there is one.
static std::optional<DType> plainType(const Format &format) {
  if (format.element.kind != numerics::ElementKind::Float || format.isScaled())
    return std::nullopt;
  for (DType type : {DType::F32, DType::F16, DType::BF16, DType::F8_E4M3,
                     DType::F8_E5M2, DType::F8_E8M0})
    if (weights::floatNameOf(type) == format.element.floatType->name)
      return type;
  return std::nullopt;
}

/// The parameters that a format says.
static weights::CheckpointParameters parametersOf(const Format &format,
                                                  int64_t rows, int64_t cols,
                                                  const Candidate &candidate) {
  weights::CheckpointParameters parameters;
  for (const auto &[name, value] : candidate.parameters) {
    if (llvm::StringRef(value).find_first_not_of("0123456789") ==
        llvm::StringRef::npos)
      parameters.set(name, int64_t(std::stoll(value)));
    else
      parameters.set(name, value);
  }
  parameters.setShape(rows, cols, format.block.rows, format.block.cols);
  if (format.isFlat)
    parameters.set("block", "[1, " + std::to_string(format.block.cols) + "]");
  parameters.set("block_size", format.block.cols);
  parameters.set("bits", int64_t(format.element.bits));
  if (std::optional<DType> type = plainType(*format.scale))
    parameters.setType("scale", *type);
  return parameters;
}

/// Whether `candidate` holds `weight`, whose entry is set then.
static bool holds(const Candidate &candidate, int64_t rows, int64_t cols,
                  StoredWeight &weight) {
  weight.parameters = parametersOf(weight.format, rows, cols, candidate);
  weight.entry =
      weights::findCheckpointEntry(candidate.entry, weight.parameters);
  if (!weight.entry)
    return false;
  Result<std::string> text = weight.entry->formatText(weight.parameters);
  if (!text)
    return false;
  Result<Format> format = numerics::FormatRegistry::builtin().resolve(*text);
  if (!format || !numerics::decodesAs(*format, weight.format))
    return false;
  // A scale of a type that the container does not have.
  for (const CheckpointTensor &tensor : weight.entry->tensors)
    if (!tensor.typeName.empty()) {
      std::optional<DType> type = plainType(*weight.format.scale);
      if (!type || llvm::find(tensor.types, *type) == tensor.types.end())
        return false;
    }
  return true;
}

namespace {
class CheckpointPlanner {
public:
  CheckpointPlanner(mlir::ModuleOp module, const Method &method)
      : module(module), method(method) {}

  Result<CheckpointPlan> run();

private:
  Status planWeight(param::GlobalOp global);
  void planPlain(param::GlobalOp global, DType type, const Format &format);
  Status planStored(param::GlobalOp global, StoredWeight weight);
  Status addTensor(param::GlobalOp global, const StoredWeight &weight,
                   const CheckpointTensor &entry, size_t segment);
  Status fillContents(const StoredWeight &weight, const CheckpointTensor &entry,
                      mlir::Type element, ContainerTensor &tensor) const;
  void findLinears();

  mlir::ModuleOp module;
  const Method &method;
  llvm::DenseSet<mlir::StringAttr> linears; ///< used by linear layers only
  std::vector<StoredWeight> stored;
  std::vector<std::string> plain; ///< modules
  CheckpointPlan plan;
};
} // namespace

void CheckpointPlanner::findLinears() {
  auto nameOf = [](mlir::Value weight) -> mlir::StringAttr {
    auto load = weight.getDefiningOp<param::LoadOp>();
    return load ? load.getGlobalAttr().getAttr() : nullptr;
  };
  module.walk([&](nn::LinearOp op) { linears.insert(nameOf(op.getWeight())); });
  module.walk(
      [&](nn::EmbeddingOp op) { linears.erase(nameOf(op.getTable())); });
}

void CheckpointPlanner::planPlain(param::GlobalOp global, DType type,
                                  const Format &format) {
  std::vector<int64_t> shape = global.getTensorType().getShape().vec();
  int64_t rows = shape.size() == 2 ? shape[0] : 1;
  numerics::Layout layout =
      numerics::makeDenseLayout(format, rows, shape.back());
  global.setLayoutAttr(qk::LayoutAttr::get(global.getContext(), layout));
  ContainerTensor tensor;
  tensor.name = tensor.weight = global.getSymName().str();
  tensor.type = weights::dtypeName(type);
  tensor.shape = shape;
  tensor.bytes = numerics::segmentBytes(layout, 0, rows, shape.back());
  plan.tensors.push_back(std::move(tensor));
  if (linears.contains(global.getSymNameAttr()))
    plain.push_back(global.getSymName().drop_back(strlen(".weight")).str());
}

static std::vector<uint8_t> bytesOf(const void *data, size_t size) {
  const auto *begin = static_cast<const uint8_t *>(data);
  return std::vector<uint8_t>(begin, begin + size);
}

/// bitsandbytes' description of a weight, as bytes of JSON.
static std::string quantState(const StoredWeight &weight, mlir::Type element) {
  std::string type = element.isBF16()  ? "bfloat16"
                     : element.isF16() ? "float16"
                                       : "float32";
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(llvm::json::Object{
      {"quant_type", *weight.parameters.text("kind")},
      {"blocksize", *weight.parameters.number("block_size")},
      {"dtype", type},
      {"shape", llvm::json::Array{*weight.parameters.number("rows"),
                                  *weight.parameters.number("cols")}}});
  return text;
}

/// A tensor that says something of a weight, and is no segment.
Status CheckpointPlanner::fillContents(const StoredWeight &weight,
                                       const CheckpointTensor &entry,
                                       mlir::Type element,
                                       ContainerTensor &tensor) const {
  int64_t cols = *weight.parameters.number("cols");
  if (entry.role == CheckpointRole::Shape) {
    int64_t shape[] = {*weight.parameters.number("rows"), cols};
    tensor.contents = bytesOf(shape, sizeof shape);
  } else if (entry.role == CheckpointRole::Groups) {
    int64_t size = weight.format.block.cols ? weight.format.block.cols : cols;
    std::vector<int32_t> groups;
    for (int64_t i = 0; i < cols; ++i)
      groups.push_back(int32_t(i / size));
    tensor.contents = bytesOf(groups.data(), groups.size() * sizeof(int32_t));
  } else if (llvm::StringRef(entry.suffix).contains("quant_state")) {
    std::string text = quantState(weight, element);
    tensor.contents = bytesOf(text.data(), text.size());
    tensor.shape = {int64_t(text.size())};
  } else {
    const std::vector<float> &table = weight.format.element.codebook.values;
    tensor.contents = bytesOf(table.data(), table.size() * sizeof(float));
  }
  tensor.bytes = tensor.contents.size();
  return Status::ok();
}

Status CheckpointPlanner::addTensor(param::GlobalOp global,
                                    const StoredWeight &weight,
                                    const CheckpointTensor &entry,
                                    size_t segment) {
  ContainerTensor tensor;
  CheckpointTensor named;
  Result<std::string> suffix = weights::fillIn(entry.suffix, weight.parameters);
  if (!suffix)
    return suffix.status();
  named.suffix = *suffix;
  tensor.name = named.nameFor(weight.name);
  DType type = entry.types.empty() ? DType::U8 : entry.types.front();
  if (!entry.typeName.empty())
    type = *plainType(*weight.format.scale);
  tensor.type = weights::dtypeName(type);
  if (entry.shape) {
    Result<std::vector<int64_t>> shape =
        weight.entry->shapeOf(entry, weight.parameters);
    if (!shape)
      return shape.status();
    tensor.shape = std::move(*shape);
  }
  if (entry.role == CheckpointRole::Segment) {
    llvm::ArrayRef<int64_t> extents = global.getTensorType().getShape();
    tensor.weight = weight.name;
    tensor.segment = segment;
    tensor.bytes = numerics::segmentBytes(
        llvm::cast<qk::LayoutAttr>(global.getLayoutAttr()).getLayout(), segment,
        extents[0], extents[1]);
    // Bytes of any shape: bitsandbytes has a column of them.
    if (!entry.shape)
      tensor.shape = {int64_t(tensor.bytes), 1};
  } else if (Status status =
                 fillContents(weight, entry,
                              global.getTensorType().getElementType(), tensor);
             !status) {
    return status;
  }
  plan.tensors.push_back(std::move(tensor));
  return Status::ok();
}

/// Whether a checkpoint has this tensor where columns lie in order.
static bool isWritten(const StoredWeight &weight,
                      const CheckpointTensor &entry) {
  if (entry.role == CheckpointRole::Groups)
    return weight.entry->name == "gptq";
  return entry.role == CheckpointRole::Segment ||
         entry.role == CheckpointRole::Shape ||
         (entry.role == CheckpointRole::Note &&
          weight.entry->name == "bnb_4bit");
}

Status CheckpointPlanner::planStored(param::GlobalOp global,
                                     StoredWeight weight) {
  Result<std::string> text = weight.entry->layoutText(weight.parameters);
  if (!text)
    return text.status();
  Result<numerics::Layout> layout = numerics::parseLayout(*text);
  if (!layout)
    return layout.status();
  llvm::ArrayRef<int64_t> shape = global.getTensorType().getShape();
  if (Status status =
          numerics::checkLayout(*layout, weight.format, shape[0], shape[1]);
      !status)
    return status;
  global.setLayoutAttr(qk::LayoutAttr::get(global.getContext(), *layout));
  size_t segment = 0;
  for (const CheckpointTensor &entry : weight.entry->tensors) {
    if (isWritten(weight, entry))
      if (Status status = addTensor(global, weight, entry, segment); !status)
        return status;
    segment += !entry.segment.empty();
  }
  stored.push_back(std::move(weight));
  return Status::ok();
}

static std::string nameOf(const Format &format) {
  std::string name = numerics::FormatRegistry::builtin().nameOf(format);
  std::string text = numerics::printFormat(format);
  return name.empty() || name == text ? text : name + " (" + text + ")";
}

Status CheckpointPlanner::planWeight(param::GlobalOp global) {
  Result<Format> format = qt::formatOf(global.getTensorType());
  if (!format)
    return format.status();
  if (std::optional<DType> type = plainType(*format)) {
    planPlain(global, *type, *format);
    return Status::ok();
  }
  if (!linears.contains(global.getSymNameAttr()))
    return unsupported("expects numbers, because " + method.container +
                       " quantizes linear layers only, but got " +
                       nameOf(*format) + "; have it decoded by --rule '" +
                       global.getSymName().str() + "=bf16'");
  llvm::ArrayRef<int64_t> shape = global.getTensorType().getShape();
  for (const Candidate &candidate : method.candidates) {
    StoredWeight weight;
    weight.name = global.getSymName().str();
    weight.format = *format;
    if (format->isScaled() && holds(candidate, shape[0], shape[1], weight))
      return planStored(global, std::move(weight));
  }
  return unsupported("expects a format that " + method.container + " holds: " +
                     method.holds + "; but got " + nameOf(*format) +
                     "; give the weight another by --format or --rule");
}

Result<CheckpointPlan> CheckpointPlanner::run() {
  findLinears();
  for (auto global : module.getOps<param::GlobalOp>())
    if (Status status = planWeight(global); !status)
      return status.withContext("weight " +
                                inQuotes(global.getSymName().str()));
  if (stored.empty())
    return unsupported("expects weights in a format that " + method.container +
                       " holds: " + method.holds +
                       "; but all are numbers; quantize the "
                       "model by --format");
  Result<llvm::json::Object> described = describeMethod(method, stored, plain);
  if (!described)
    return described.status();
  llvm::raw_string_ostream(plan.quantization)
      << llvm::json::Value(std::move(*described));
  return plan;
}

Result<CheckpointPlan> exporter::planCheckpoint(mlir::ModuleOp module,
                                                const std::string &container) {
  const Method *method = findMethod(container);
  if (!method)
    return unsupported("expects a known container, but got " +
                       inQuotes(container));
  return CheckpointPlanner(module, *method).run();
}

std::vector<std::string> exporter::checkpointContainers() {
  std::vector<std::string> names;
  for (const Method &method : allMethods())
    names.push_back(method.container);
  return names;
}
