// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The tensors of weights in an ONNX file, and their layouts in it, by
// share/onnx-weights.txt.

#include "Weights.h"

#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Support/Text.h"
#include "quern/Weights/Checkpoints.h"

#include "llvm/Support/MathExtras.h"

namespace quern::exporter {
extern const char *const onnxWeightsText; ///< share/onnx-weights.txt
} // namespace quern::exporter

using namespace quern;
using namespace quern::exporter;
using numerics::Element;
using numerics::ElementKind;
using numerics::Format;
using weights::CheckpointEntry;
using weights::CheckpointParameters;
using weights::CheckpointTensor;

static Status unsupported(const std::string &message) {
  return Status::error(StatusCode::Unsupported, message);
}

std::optional<OnnxType> exporter::onnxTypeOf(const Element &element) {
  static const std::map<std::string, OnnxType> floats = {
      {"f32", OnnxType::Float},
      {"f16", OnnxType::Float16},
      {"bf16", OnnxType::BFloat16},
      {"f8E4M3FN", OnnxType::Float8E4M3FN},
      {"f8E4M3FNUZ", OnnxType::Float8E4M3FNUZ},
      {"f8E5M2", OnnxType::Float8E5M2},
      {"f8E5M2FNUZ", OnnxType::Float8E5M2FNUZ},
  };
  static const std::map<std::pair<unsigned, bool>, OnnxType> integers = {
      {{2, false}, OnnxType::UInt2},   {{2, true}, OnnxType::Int2},
      {{4, false}, OnnxType::UInt4},   {{4, true}, OnnxType::Int4},
      {{8, false}, OnnxType::UInt8},   {{8, true}, OnnxType::Int8},
      {{16, false}, OnnxType::UInt16}, {{16, true}, OnnxType::Int16},
  };
  if (element.kind == ElementKind::Float) {
    auto found = floats.find(element.floatType->name);
    return found == floats.end() ? std::nullopt
                                 : std::optional<OnnxType>(found->second);
  }
  if (!element.isPlainInt() || element.levels)
    return std::nullopt;
  auto found = integers.find({element.bits, element.isSigned});
  return found == integers.end() ? std::nullopt
                                 : std::optional<OnnxType>(found->second);
}

static const std::vector<CheckpointEntry> &entries() {
  // The shipped text is tested to parse.
  static const std::vector<CheckpointEntry> parsed = [] {
    auto result =
        weights::parseCheckpoints(onnxWeightsText, "onnx-weights.txt");
    return result ? *result : std::vector<CheckpointEntry>();
  }();
  return parsed;
}

namespace {
/// A matrix whose holder is looked for.
struct Candidate {
  OnnxWeight weight;
  const CheckpointEntry *entry = nullptr;
  CheckpointParameters parameters;
};

class WeightPlanner {
public:
  WeightPlanner(mlir::ModuleOp module, OnnxWeights weights, GraphBuilder &graph,
                std::vector<ContainerTensor> &tensors)
      : module(module), mode(weights), graph(graph), tensors(tensors) {}

  Result<OnnxWeightMap> run();

private:
  Status planVector(param::GlobalOp global);
  Status planMatrix(param::GlobalOp global);
  Result<Candidate> choose(param::GlobalOp global, const Format &format);
  Status addTensors(param::GlobalOp global, Candidate &candidate);
  void addTensor(param::GlobalOp global, ContainerTensor tensor, OnnxType type);

  mlir::ModuleOp module;
  const OnnxWeights mode;
  GraphBuilder &graph;
  std::vector<ContainerTensor> &tensors;
  MatrixUses uses;
  OnnxWeightMap planned;
};
} // namespace

/// Whether the entry `name` holds `candidate`, whose entry is set then.
static bool holds(const std::string &name, Candidate &candidate) {
  candidate.parameters = graphParametersOf(candidate.weight);
  candidate.entry = nullptr;
  for (const CheckpointEntry &entry : entries())
    if (!candidate.entry && entry.name == name &&
        entry.holdsFor(candidate.parameters))
      candidate.entry = &entry;
  return candidate.entry && entryHolds(*candidate.entry, candidate.parameters,
                                       candidate.weight.format);
}

/// Blocks that the kernels of ONNX Runtime know.
static bool fitsNBits(const OnnxWeight &weight) {
  constexpr int64_t least = 16, most = 256;
  return weight.format.block.rows == 1 && weight.size() >= least &&
         weight.size() <= most && llvm::isPowerOf2_64(weight.size());
}

static bool fitsQdq(const OnnxWeight &weight) {
  const Format &format = weight.format;
  bool isTensor = format.block.rows == 0 && format.block.cols == 0;
  return onnxTypeOf(format.element) && (isTensor || format.block.rows == 1);
}

static constexpr const char *kHeldByNBits =
    "integers of 2, 4 or 8 bits, a scale f32, f16 or bf16 for 16, 32, 64, 128 "
    "or 256 columns of a row, and zero points of the same integers, of 4-bit "
    "codes such floats, or none";
static constexpr const char *kHeldByQdq =
    "integers of 2, 4, 8 or 16 bits or floats of 8, a scale f32, f16 or bf16 "
    "for columns of a row, a row or the tensor, and zero points of the same "
    "integers or none";

Result<Candidate> WeightPlanner::choose(param::GlobalOp global,
                                        const Format &format) {
  Candidate candidate;
  OnnxWeight &weight = candidate.weight;
  std::string name = global.getSymName().str();
  llvm::ArrayRef<int64_t> shape = global.getTensorType().getShape();
  weight.format = format;
  weight.rows = shape[0];
  weight.cols = shape[1];
  bool isProduct = uses.products.count(name), isTable = uses.tables.count(name);
  weight.isTransposed = isProduct && !isTable;
  weight.codeType = onnxTypeOf(format.element).value_or(OnnxType::UInt8);
  if (!format.isScaled()) {
    weight.kind = OnnxWeight::Kind::Plain;
    if (format.element.kind == ElementKind::Float &&
        onnxTypeOf(format.element) && holds("plain", candidate))
      return candidate;
    return unsupported("expects a format that ONNX holds: f32, f16, bf16, or " +
                       std::string(kHeldByQdq) + "; but got " +
                       formatNameAndText(format) +
                       "; give the weight another by --format or --rule");
  }
  if (mode != OnnxWeights::Qdq && fitsNBits(weight) &&
      holds("matmulnbits", candidate)) {
    weight.kind = OnnxWeight::Kind::NBits;
    return candidate;
  }
  bool needsNBits = mode == OnnxWeights::MatMulNBits && isProduct;
  if (!needsNBits && fitsQdq(weight) && holds("qdq", candidate)) {
    weight.kind = OnnxWeight::Kind::Qdq;
    return candidate;
  }
  return unsupported(
      std::string("expects a format that ") +
      (needsNBits ? "MatMulNBits" : "DequantizeLinear") +
      " holds: " + (needsNBits ? kHeldByNBits : kHeldByQdq) + "; but got " +
      formatNameAndText(format) +
      "; give the weight another by --format or --rule" +
      (needsNBits ? ", or have it written by --onnx-weights auto" : ""));
}

void WeightPlanner::addTensor(param::GlobalOp global, ContainerTensor tensor,
                              OnnxType type) {
  tensor.type = onnxTypeName(type);
  setSegment(tensor, global);
  graph.tensor(tensor.name, type, tensor.shape);
  tensors.push_back(std::move(tensor));
}

Status WeightPlanner::planVector(param::GlobalOp global) {
  int64_t size = global.getTensorType().getNumElements();
  if (Status status = setVectorLayout(global); !status)
    return status;
  ContainerTensor tensor;
  tensor.name = global.getSymName().str();
  tensor.shape = {size};
  OnnxWeight weight;
  weight.codes = tensor.name;
  weight.cols = size;
  planned[tensor.name] = weight;
  addTensor(global, std::move(tensor), OnnxType::Float);
  return Status::ok();
}

/// DequantizeLinear has scalars for the tensor and vectors for an axis.
static void shrinkScales(const OnnxWeight &weight,
                         std::vector<int64_t> &shape) {
  if (weight.kind != OnnxWeight::Kind::Qdq || weight.format.block.cols)
    return;
  bool isTensor = weight.format.block.rows == 0;
  shape = isTensor ? std::vector<int64_t>() : std::vector<int64_t>{weight.rows};
}

Status WeightPlanner::addTensors(param::GlobalOp global, Candidate &candidate) {
  OnnxWeight &weight = candidate.weight;
  std::string *names[] = {&weight.codes, &weight.scale, &weight.zero};
  if (weight.format.isScaled())
    weight.scaleType = *onnxTypeOf(weight.format.scale->element);
  if (weight.format.offset)
    weight.zeroType = *onnxTypeOf(weight.format.offset->element);
  for (size_t i = 0; i < candidate.entry->tensors.size(); ++i) {
    CheckpointTensor entry = candidate.entry->tensors[i];
    Result<std::vector<int64_t>> shape =
        candidate.entry->shapeOf(entry, candidate.parameters);
    if (!shape)
      return shape.status();
    if (i > 0)
      shrinkScales(weight, *shape);
    Result<std::string> suffix =
        weights::fillIn(entry.suffix, candidate.parameters);
    if (!suffix)
      return suffix.status();
    entry.suffix = *suffix;
    ContainerTensor tensor;
    tensor.name = *names[i] = entry.nameFor(global.getSymName().str());
    tensor.shape = std::move(*shape);
    tensor.segment = i;
    OnnxType type = entry.typeName == "scale"    ? weight.scaleType
                    : entry.typeName == "offset" ? weight.zeroType
                    : entry.types.empty()        ? weight.codeType
                                                 : OnnxType::UInt8;
    addTensor(global, std::move(tensor), type);
  }
  planned[global.getSymName().str()] = weight;
  return Status::ok();
}

Status WeightPlanner::planMatrix(param::GlobalOp global) {
  Result<Format> format = qt::formatOf(global.getTensorType());
  if (!format)
    return format.status();
  Result<Candidate> chosen = choose(global, *format);
  if (!chosen)
    return chosen.status();
  if (Status status =
          setLayout(global, *chosen->entry, chosen->parameters, chosen->weight);
      !status)
    return status;
  if (format->element.bits == 2 && chosen->weight.kind == OnnxWeight::Kind::Qdq)
    graph.needsOperators(25); // the first with integers of 2 bits
  return addTensors(global, *chosen);
}

Result<OnnxWeightMap> WeightPlanner::run() {
  uses = findMatrixUses(module);
  for (auto global : module.getOps<param::GlobalOp>()) {
    bool isVector = global.getTensorType().getRank() == 1;
    Status status = isVector ? planVector(global) : planMatrix(global);
    if (!status)
      return status.withContext("weight " +
                                inQuotes(global.getSymName().str()));
  }
  return std::move(planned);
}

Result<OnnxWeightMap>
exporter::planOnnxWeights(mlir::ModuleOp module, OnnxWeights weights,
                          GraphBuilder &graph,
                          std::vector<ContainerTensor> &tensors) {
  return WeightPlanner(module, weights, graph, tensors).run();
}
