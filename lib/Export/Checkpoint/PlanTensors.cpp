// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of a quantized checkpoint, and the layouts of weights in
// them.

#include "Methods.h"
#include "PlainTypes.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Export/Checkpoint.h"
#include "quern/Support/Text.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace quern;
using namespace quern::exporter;
using numerics::Format;
using weights::CheckpointRole;
using weights::CheckpointTensor;
using weights::DType;

static Status unsupported(const std::string &message) {
  return Status::error(StatusCode::Unsupported, message);
}

namespace {
class CheckpointPlanner {
public:
  CheckpointPlanner(mlir::ModuleOp module, Method method)
      : module(module), method(std::move(method)) {}

  Result<CheckpointPlan> run();

private:
  void findLinears();
  Status planWeight(param::GlobalOp global);
  void planPlain(param::GlobalOp global, DType type, const Format &format);
  Status planStored(param::GlobalOp global, StoredWeight weight);
  Status setLayout(param::GlobalOp global, const StoredWeight &weight);
  Status addTensor(param::GlobalOp global, const StoredWeight &weight,
                   const CheckpointTensor &entry, size_t segment);
  Status describe();

  mlir::ModuleOp module;
  const Method method;
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
  module.walk([&](nn::LinearOp op) {
    if (mlir::StringAttr name = nameOf(op.getWeight()))
      linears.insert(name);
  });
  module.walk([&](nn::EmbeddingOp op) {
    if (mlir::StringAttr name = nameOf(op.getTable()))
      linears.erase(name);
  });
}

/// Fails if the model's folder has this weight as a part of a tensor, or as
/// several: what would be written has names that nobody looks for.
static Status checkWhole(param::GlobalOp global) {
  mlir::Attribute value = global.getValue();
  if (auto encode = llvm::dyn_cast<qt::EncodeAttr>(value))
    value = encode.getSource();
  std::string found;
  if (auto view = llvm::dyn_cast<param::ViewAttr>(value))
    found = "a part of the tensor " + inQuotes(view.getSource().getKey().str());
  else if (auto stack = llvm::dyn_cast<param::StackAttr>(value))
    found = "one of the tensors " + inQuotes(stack.getKey().str());
  if (found.empty())
    return Status::ok();
  return unsupported("expects a weight that is a tensor of the model's files, "
                     "because checkpoints of models whose tensors are fused or "
                     "stacked are not written, but got " +
                     found);
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
    plain.push_back(global.getSymName().rsplit('.').first.str());
}

/// Safetensors' name of the type that the weight had before it was quantized.
static std::string numbersOf(param::GlobalOp global) {
  mlir::Type element = global.getTensorType().getElementType();
  return element.isBF16() ? "BF16" : element.isF16() ? "F16" : "F32";
}

Status CheckpointPlanner::addTensor(param::GlobalOp global,
                                    const StoredWeight &weight,
                                    const CheckpointTensor &entry,
                                    size_t segment) {
  Result<std::string> suffix = weights::fillIn(entry.suffix, weight.parameters);
  if (!suffix)
    return suffix.status();
  CheckpointTensor named;
  named.suffix = *suffix;
  ContainerTensor tensor;
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
                 fillContents(weight, entry, numbersOf(global), tensor);
             !status) {
    return status;
  }
  plan.tensors.push_back(std::move(tensor));
  return Status::ok();
}

/// Whether a checkpoint has this tensor where columns lie in order.
static bool isWritten(const CheckpointTensor &entry) {
  return entry.role != CheckpointRole::Constant &&
         entry.role != CheckpointRole::Activation &&
         entry.role != CheckpointRole::Note && !entry.isOptional;
}

Status CheckpointPlanner::setLayout(param::GlobalOp global,
                                    const StoredWeight &weight) {
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
  return Status::ok();
}

Status CheckpointPlanner::planStored(param::GlobalOp global,
                                     StoredWeight weight) {
  if (Status status = setLayout(global, weight); !status)
    return status;
  size_t segment = 0;
  for (const CheckpointTensor &entry : weight.entry->tensors) {
    if (isWritten(entry))
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
  plan.begins.push_back(plan.tensors.size());
  if (Status status = checkWhole(global); !status)
    return status;
  Result<Format> format = qt::formatOf(global.getTensorType());
  if (!format)
    return format.status();
  if (std::optional<DType> type = plainType(*format)) {
    planPlain(global, *type, *format);
    return Status::ok();
  }
  std::string name = global.getSymName().str();
  if (!linears.contains(global.getSymNameAttr()))
    return unsupported(
        "expects numbers, because " + method.container +
        " quantizes linear layers only, but got " + nameOf(*format) +
        "; have it decoded by quern quantize --rule '" + name + "=bf16'");
  StoredWeight weight;
  weight.name = name;
  weight.format = *format;
  llvm::ArrayRef<int64_t> shape = global.getTensorType().getShape();
  Result<bool> found = findEntry(method, shape[0], shape[1], weight);
  if (!found)
    return unsupported(
        "expects extents that " + method.container + " holds in " +
        nameOf(*format) + ", but got " + shapeText(shape.vec()) + ": " +
        found.status().message() + "; give the weight another by --rule");
  if (*found)
    return planStored(global, std::move(weight));
  return unsupported("expects a format that " + method.container + " holds: " +
                     method.holds + "; but got " + nameOf(*format) +
                     "; give the weight another by --format or --rule");
}

Status CheckpointPlanner::describe() {
  if (stored.empty())
    return unsupported("expects weights in a format that " + method.container +
                       " holds: " + method.holds +
                       "; but all are numbers; quantize the model by quern "
                       "quantize --format");
  // An output matrix that is the embedding is a linear layer for readers.
  const char *output = "lm_head";
  if (!module.lookupSymbol(std::string(output) + ".weight"))
    plain.push_back(output);
  Result<llvm::json::Object> described = describeMethod(method, stored, plain);
  if (!described)
    return described.status();
  llvm::raw_string_ostream(plan.quantization)
      << llvm::json::Value(std::move(*described));
  return Status::ok();
}

Result<CheckpointPlan> CheckpointPlanner::run() {
  findLinears();
  for (auto global : module.getOps<param::GlobalOp>())
    if (Status status = planWeight(global); !status)
      return status.withContext("weight " +
                                inQuotes(global.getSymName().str()));
  if (Status status = describe(); !status)
    return status;
  return std::move(plan);
}

Result<CheckpointPlan> exporter::planCheckpoint(mlir::ModuleOp module,
                                                const std::string &container) {
  Result<Method> method = findMethod(container);
  if (!method)
    return method.status();
  return CheckpointPlanner(module, std::move(*method)).run();
}
