// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What an export would write, as JSON.

#include "ModelExport.h"

#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QT/IR/QTFormats.h"
#include "quern/Export/Checkpoint.h"
#include "quern/Export/Gguf.h"
#include "quern/Export/Onnx.h"
#include "quern/Export/OpenVino.h"
#include "quern/Pipelines/Export.h"
#include "quern/Support/Text.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quern;
using namespace quern::pipelines;
using numerics::Format;
namespace json = llvm::json;

/// What is done with the matrix of each weight.
static llvm::StringMap<const char *> findUses(ModuleOp module) {
  llvm::StringMap<const char *> uses;
  module.walk([&](param::LoadOp load) {
    const char *&use = uses[load.getGlobal()];
    for (OpOperand &operand : load->getUses()) {
      if (auto linear = dyn_cast<nn::LinearOp>(operand.getOwner()))
        // A table that is also the output matrix is a table first.
        use = use ? use : linear.getRouting() ? "expert" : "linear";
      else if (isa<nn::EmbeddingOp>(operand.getOwner()))
        use = "embedding";
    }
  });
  return uses;
}

static const char *kindOf(const Format &format) {
  if (!format.isScaled())
    return "plain";
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

/// Scales above one another.
static int64_t scaleLevels(const Format &format) {
  return format.scale ? 1 + scaleLevels(*format.scale) : 0;
}

static json::Object describeFormat(const Format &format) {
  json::Array columns;
  for (const numerics::ColumnTransform &transform : format.columns)
    columns.push_back(numerics::columnKeyword(transform.kind));
  bool hasOffset = format.offsetKind != numerics::OffsetKind::None;
  return json::Object{
      {"format", numerics::printFormat(format)},
      {"format_name", numerics::FormatRegistry::builtin().nameOf(format)},
      {"code", kindOf(format)},
      {"bits", int64_t(format.element.bits)},
      {"is_signed", format.element.isSigned},
      {"vector_size", int64_t(format.element.vectorSize())},
      {"block", json::Array{format.block.rows, format.block.cols}},
      {"is_flat", format.isFlat},
      {"is_partial", format.allowsPartialBlocks},
      {"scale", format.scale ? numerics::printFormat(*format.scale) : ""},
      {"scale_levels", scaleLevels(format)},
      {"offset",
       hasOffset ? numerics::offsetKeyword(format.offsetKind) : "none"},
      {"offset_format",
       format.offset ? numerics::printFormat(*format.offset) : ""},
      {"columns", std::move(columns)},
  };
}

/// Names of types by weight, where the container has them.
using WeightTypes = llvm::StringMap<std::string>;

static Result<json::Array> listWeights(ModuleOp module,
                                       const WeightTypes &types) {
  llvm::StringMap<const char *> uses = findUses(module);
  json::Array weights;
  for (auto global : module.getOps<param::GlobalOp>()) {
    RankedTensorType type = global.getTensorType();
    Result<Format> format = qt::formatOf(type);
    if (!format)
      return format.status().withContext("weight " +
                                         inQuotes(global.getSymName().str()));
    json::Object weight = describeFormat(*format);
    const char *use = uses.lookup(global.getSymName());
    weight["name"] = global.getSymName();
    weight["shape"] = json::Array(type.getShape());
    weight["use"] = type.getRank() == 1 ? "vector" : use ? use : "table";
    weight["type"] = types.lookup(global.getSymName());
    weights.push_back(std::move(weight));
  }
  return weights;
}

static json::Object describeModel(ModuleOp module) {
  json::Object facts;
  auto model = module->getAttrOfType<DictionaryAttr>("nn.model");
  for (NamedAttribute fact :
       model ? model.getValue() : ArrayRef<NamedAttribute>()) {
    if (auto text = dyn_cast<StringAttr>(fact.getValue()))
      facts[fact.getName().getValue()] = text.getValue();
    else if (auto number = dyn_cast<IntegerAttr>(fact.getValue()))
      facts[fact.getName().getValue()] = number.getInt();
  }
  return facts;
}

/// Fails if the container cannot hold the module.
static Status planContainer(ModuleOp module, const std::string &container,
                            WeightTypes &types) {
  std::string name = container.substr(0, container.find('/'));
  if (llvm::is_contained(exporter::checkpointContainers(), name))
    return exporter::planCheckpoint(module, container).status();
  if (container == "onnx")
    return exporter::planOnnx(module, exporter::OnnxWeights::Auto).status();
  if (container == "openvino")
    return exporter::planOpenVino(module).status();
  if (container != "gguf")
    return Status::ok();
  Result<exporter::ModelFacts> facts = exporter::readModelFacts(module);
  if (!facts)
    return facts.status();
  auto tensors = exporter::planGguf(module, *facts);
  if (!tensors)
    return tensors.status();
  for (const exporter::ContainerTensor &tensor : *tensors)
    if (tensor.segment == 0)
      types[tensor.weight] = tensor.type;
  return Status::ok();
}

Result<std::string> pipelines::planExport(const ExportOptions &options) {
  CompileOptions front = frontOptionsOf(options);
  Compilation compilation(front);
  if (Status status = compilation.runEncode(); !status)
    return status;
  ModuleOp module = compilation.getModule();
  WeightTypes types;
  Status held = planContainer(module, options.container, types);
  Result<json::Array> weights = listWeights(module, types);
  if (!weights)
    return weights.status();
  std::string text;
  llvm::raw_string_ostream(text)
      << json::Value(json::Object{{"model", describeModel(module)},
                                  {"refused", held ? "" : held.message()},
                                  {"weights", std::move(*weights)}});
  return text;
}
