// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The constants of weights in OpenVINO's IR, and their layouts in it, by
// share/openvino-weights.txt.

#include "Weights.h"

#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Support/Text.h"
#include "quern/Weights/Checkpoints.h"

#include <optional>

namespace quern::exporter {
extern const char *const openvinoWeightsText; ///< share/openvino-weights.txt
} // namespace quern::exporter

using namespace quern;
using namespace quern::exporter;
using numerics::Element;
using numerics::ElementKind;
using numerics::Format;
using weights::CheckpointEntry;
using weights::CheckpointParameters;
using weights::CheckpointTensor;

/// Where constants begin, so that what maps the file can use them in place.
static constexpr uint64_t kAlignment = 64;

static constexpr const char *kHeld =
    "expects a format that OpenVINO holds: f32, f16, bf16, or integers of 4 or "
    "8 bits, floats of 8 bits (E4M3FN, E5M2) or codes of normal floats, a "
    "scale "
    "f32, f16 or bf16 for columns of a row, a row or the matrix, and zero "
    "points of the "
    "same integers, of columns of a row also floats, or none; but got ";

static std::optional<IrType> irTypeOf(const Element &element) {
  static const std::map<std::string, IrType> floats = {
      {"f32", IrType::F32},       {"f16", IrType::F16},
      {"bf16", IrType::BF16},     {"f8E4M3FN", IrType::F8E4M3},
      {"f8E5M2", IrType::F8E5M2},
  };
  static const std::map<std::pair<unsigned, bool>, IrType> integers = {
      {{4, false}, IrType::U4},
      {{4, true}, IrType::I4},
      {{8, false}, IrType::U8},
      {{8, true}, IrType::I8},
  };
  if (element.kind == ElementKind::Float) {
    auto found = floats.find(element.floatType->name);
    return found == floats.end() ? std::nullopt
                                 : std::optional<IrType>(found->second);
  }
  if (element.kind == ElementKind::Codebook) {
    // Entries list the tables that OpenVINO has, which it calls what we do.
    return IrType{
        numerics::FormatRegistry::builtin().codebookNameOf(element.codebook)};
  }
  if (!element.isPlainInt() || element.levels)
    return std::nullopt;
  auto found = integers.find({element.bits, element.isSigned});
  return found == integers.end() ? std::nullopt
                                 : std::optional<IrType>(found->second);
}

static const std::vector<CheckpointEntry> &entries() {
  // The shipped text is tested to parse.
  static const std::vector<CheckpointEntry> parsed = [] {
    auto result =
        weights::parseCheckpoints(openvinoWeightsText, "openvino-weights.txt");
    return result ? *result : std::vector<CheckpointEntry>();
  }();
  return parsed;
}

namespace {
class IrWeightPlanner {
public:
  IrWeightPlanner(IrGraph &graph, OpenVinoPlan &plan)
      : graph(graph), plan(plan) {}

  Result<IrWeightMap> run(mlir::ModuleOp module);

private:
  Status planVector(param::GlobalOp global);
  Status planMatrix(param::GlobalOp global);
  Status addTensors(param::GlobalOp global, const CheckpointEntry &entry,
                    const CheckpointParameters &parameters, IrWeight &weight);
  /// The name of the constant, which is that of no other layer.
  std::string addTensor(param::GlobalOp global, ContainerTensor tensor,
                        IrType type);

  IrGraph &graph;
  OpenVinoPlan &plan;
  uint64_t end = 0; ///< of the tensors so far
  IrWeightMap planned;
};
} // namespace

std::string IrWeightPlanner::addTensor(param::GlobalOp global,
                                       ContainerTensor tensor, IrType type) {
  tensor.type = type.name;
  setSegment(tensor, global);
  uint64_t offset = (end + kAlignment - 1) / kAlignment * kAlignment;
  std::string name =
      graph.tensor(tensor.name, type, tensor.shape, offset, tensor.bytes);
  plan.offsets.push_back(offset);
  end = offset + tensor.bytes;
  plan.tensors.push_back(std::move(tensor));
  return name;
}

Status IrWeightPlanner::planVector(param::GlobalOp global) {
  if (Status status = setVectorLayout(global); !status)
    return status;
  ContainerTensor tensor;
  tensor.name = global.getSymName().str();
  tensor.shape = {global.getTensorType().getNumElements()};
  planned[global.getSymName().str()].codes =
      addTensor(global, std::move(tensor), IrType::F32);
  return Status::ok();
}

/// Codes of a type that OpenVINO has, in blocks that its constants are cut
/// into.
static bool fits(const IrWeight &weight) {
  const Format &format = weight.format;
  if (!irTypeOf(format.element))
    return false;
  if (!format.isScaled())
    return format.element.kind == ElementKind::Float &&
           format.element.bits >= 16;
  bool isMatrix = format.block.rows == 0 && format.block.cols == 0;
  return isMatrix ||
         (format.block.rows == 1 && weight.cols % weight.size() == 0);
}

static const CheckpointEntry *findEntry(const CheckpointParameters &parameters,
                                        const Format &format) {
  for (const CheckpointEntry &entry : entries())
    if (entryHolds(entry, parameters, format))
      return &entry;
  return nullptr;
}

Status IrWeightPlanner::planMatrix(param::GlobalOp global) {
  Result<Format> format = qt::formatOf(global.getTensorType());
  if (!format)
    return format.status();
  IrWeight weight;
  weight.format = *format;
  weight.rows = global.getTensorType().getShape()[0];
  weight.cols = global.getTensorType().getShape()[1];
  CheckpointParameters parameters = graphParametersOf(weight);
  const CheckpointEntry *entry =
      fits(weight) ? findEntry(parameters, *format) : nullptr;
  if (!entry)
    return Status::error(StatusCode::Unsupported,
                         kHeld + formatNameAndText(*format) +
                             (weight.cols % weight.size()
                                  ? ", which leaves columns over of " +
                                        std::to_string(weight.cols)
                                  : "") +
                             "; give the weight another by --format or --rule");
  if (Status status = setLayout(global, *entry, parameters, weight); !status)
    return status;
  return addTensors(global, *entry, parameters, weight);
}

Status IrWeightPlanner::addTensors(param::GlobalOp global,
                                   const CheckpointEntry &entry,
                                   const CheckpointParameters &parameters,
                                   IrWeight &weight) {
  std::string *names[] = {&weight.codes, &weight.scale, &weight.zero};
  IrType *types[] = {&weight.codeType, &weight.scaleType, &weight.zeroType};
  const Element *elements[] = {
      &weight.format.element,
      weight.format.scale ? &weight.format.scale->element : nullptr,
      weight.format.offset ? &weight.format.offset->element : nullptr};
  for (size_t i = 0; i < entry.tensors.size(); ++i) {
    Result<std::vector<int64_t>> shape =
        entry.shapeOf(entry.tensors[i], parameters);
    if (!shape)
      return shape.status();
    *types[i] = *irTypeOf(*elements[i]);
    ContainerTensor tensor;
    tensor.name = entry.tensors[i].nameFor(global.getSymName().str());
    tensor.shape = std::move(*shape);
    tensor.segment = i;
    *names[i] = addTensor(global, std::move(tensor), *types[i]);
  }
  planned[global.getSymName().str()] = weight;
  return Status::ok();
}

Result<IrWeightMap> IrWeightPlanner::run(mlir::ModuleOp module) {
  for (auto global : module.getOps<param::GlobalOp>()) {
    bool isVector = global.getTensorType().getRank() == 1;
    Status status = isVector ? planVector(global) : planMatrix(global);
    if (!status)
      return status.withContext("weight " +
                                inQuotes(global.getSymName().str()));
  }
  return std::move(planned);
}

Result<IrWeightMap> exporter::planIrWeights(mlir::ModuleOp module,
                                            IrGraph &graph,
                                            OpenVinoPlan &plan) {
  return IrWeightPlanner(graph, plan).run(module);
}
