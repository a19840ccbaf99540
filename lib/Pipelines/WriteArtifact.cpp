// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Weights, tokenizer and manifest of an artifact.

#include "Compilation.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "quern/Artifact/ArtifactFormat.h"
#include "quern/Base/MappedFile.h"
#include "quern/Dialect/NN/IR/NNAttrs.h"
#include "quern/Dialect/NN/IR/NNTypes.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Numerics/Format.h"
#include "quern/Support/Json.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quern;
using namespace quern::pipelines;

static std::string toText(llvm::json::Value value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

static llvm::json::Object descriptorOf(const pack::PackedTensor &tensor) {
  return llvm::json::Object{{"shape", llvm::json::Array(tensor.shape)},
                            {"source_dtype", tensor.sourceType},
                            {"format", tensor.format},
                            {"layout", tensor.layout}};
}

/// `nn.model` as JSON.
static llvm::json::Object modelFacts(ModuleOp module) {
  llvm::json::Object facts;
  for (NamedAttribute entry :
       module->getAttrOfType<DictionaryAttr>("nn.model")) {
    if (auto number = dyn_cast<IntegerAttr>(entry.getValue()))
      facts[entry.getName().str()] = number.getInt();
    else if (auto text = dyn_cast<StringAttr>(entry.getValue()))
      facts[entry.getName().str()] = text.str();
  }
  return facts;
}

/// The text of the KV cache's format.
static std::string cacheFormat(ModuleOp module) {
  std::string text;
  for (auto function : module.getOps<func::FuncOp>())
    for (Type type : function.getArgumentTypes()) {
      auto cache = dyn_cast<nn::KVCacheType>(type);
      if (!cache)
        continue;
      if (auto encoding =
              dyn_cast_if_present<qt::FormatAttr>(cache.getEncoding()))
        text = encoding.getText().str();
      else
        llvm::raw_string_ostream(text) << cache.getElement();
    }
  return text;
}

/// What `global` holds of a weight with column transforms, or null.
static qt::PartAttr partOf(param::GlobalOp global) {
  auto encode = dyn_cast<qt::EncodeAttr>(global.getValue());
  return encode ? dyn_cast<qt::PartAttr>(encode.getSource()) : nullptr;
}

void Compilation::describeTensors() {
  const numerics::FormatRegistry &names = numerics::FormatRegistry::builtin();
  uint64_t elements = 0;
  for (const pack::PackedTensor &tensor : tensors) {
    auto global = module->lookupSymbol<param::GlobalOp>(tensor.name);
    if (isa<nn::RopeTableAttr>(global.getValue()))
      continue; // made by the compiler, no weight of the model
    artifact::ManifestTensor entry;
    entry.name = tensor.name;
    entry.shape.assign(tensor.shape.begin(), tensor.shape.end());
    entry.sourceDtype = tensor.sourceType;
    entry.format = tensor.format;
    Result<numerics::Format> format = names.resolve(tensor.format);
    entry.formatName = format ? names.nameOf(*format) : "";
    qt::PartAttr part = partOf(global);
    bool isMatrix =
        part && part.getColumnPart().role == numerics::ColumnRole::Matrix;
    if (isMatrix) {
      std::string name = names.nameOf(part.getFormat());
      entry.formatName = name.empty() ? printFormat(part.getFormat()) : name;
    } else if (part) {
      // Named so by quantize-expand-column-transforms.
      StringRef suffix = part.getPart().getValue();
      entry.partOf = StringRef(tensor.name).drop_back(suffix.size() + 1).str();
    }
    entry.layout = tensor.layout;
    entry.bytes = tensor.bytes;
    uint64_t count = 1;
    for (int64_t extent : tensor.shape)
      count *= extent;
    entry.bitsPerWeight = 8.0 * double(tensor.bytes) / double(count);
    // What column transforms store beside a weight is no weight of its own.
    if (entry.partOf.empty())
      elements += count;
    manifest.weightBytes += tensor.bytes;
    manifest.tensors.push_back(entry);
  }
  manifest.bitsPerWeight = 8.0 * double(manifest.weightBytes) /
                           double(std::max<uint64_t>(elements, 1));
}

Status Compilation::writeWeights() {
  pack::FoldOptions fold;
  fold.threads = threadCount();
  Result<int64_t> peak = pack::predictPeakBytes(*module, fold);
  if (!peak)
    return peak.status();
  predictedPeak = *peak;
  progress("weights (peak memory " + std::to_string(*peak >> 20) + " MiB)", 0);
  std::string stage = runningStage;
  fold.progress = [&](int64_t done, int64_t total) {
    progress(stage, double(done) / double(std::max<int64_t>(total, 1)));
  };
  std::vector<artifact::TensorSpec> specs;
  for (const pack::PackedTensor &tensor : tensors)
    specs.push_back(
        {tensor.name, uint64_t(tensor.bytes), toText(descriptorOf(tensor))});
  Result<artifact::WeightsFileWriter> writer =
      artifact::WeightsFileWriter::create(folder->path(artifact::kWeightsFile),
                                          specs);
  if (!writer)
    return writer.status();
  size_t next = 0;
  Status status = pack::foldWeights(
      *module, *source,
      [&](const pack::PackedTensor &, Span<const uint8_t> bytes) {
        Status wanted = checkWanted();
        return wanted ? writer->write(next++, bytes) : wanted;
      },
      fold);
  if (!status)
    return status;
  Result<artifact::WeightsFileRecord> record = writer->finish();
  if (!record)
    return record.status();
  table.weights = std::move(*record);
  progress(stage, 1);
  return Status::ok();
}

std::string Compilation::describeModel() const {
  llvm::json::Array isas;
  for (const codegen::CpuTarget *target : targets)
    isas.push_back(target->isa);
  llvm::json::Object facts = modelFacts(*module);
  std::string architecture = facts.getString("architecture").value_or("").str();
  llvm::json::Object vocabularyRow{{"name", "logits"}, {"dtype", "f32"}};
  llvm::json::Object tokenRow{{"name", "tokens"}, {"dtype", "i32"}};
  return toText(llvm::json::Object{
      {"architecture", architecture},
      {"model", std::move(facts)},
      {"inputs", llvm::json::Array{std::move(tokenRow)}},
      {"outputs", llvm::json::Array{std::move(vocabularyRow)}},
      {"compute", options.compute},
      {"kv_cache", cacheFormat(*module)},
      {"kv_rotate", options.kvRotate},
      {"kv_bytes_per_token", int64_t(table.cacheBytesPerToken)},
      {"isas", std::move(isas)},
      {"weight_bytes", int64_t(manifest.weightBytes)},
      {"bits_per_weight", manifest.bitsPerWeight}});
}

Status pipelines::copyIfThere(const std::string &from, const std::string &to) {
  if (!llvm::sys::fs::exists(from))
    return Status::ok();
  Result<MappedFile> file = MappedFile::open(from);
  return file ? artifact::writeFileAtomically(to, file->bytes())
              : file.status();
}

Status Compilation::writeTokenizer() {
  const std::string files[] = {artifact::kTokenizerFile,
                               artifact::kTokenizerConfigFile};
  if (!tokenizer) {
    for (const std::string &name : files)
      if (Status status =
              copyIfThere(options.modelPath + "/" + name, folder->path(name));
          !status)
        return status;
    return Status::ok();
  }
  Status status = artifact::writeFileAtomically(folder->path(files[0]),
                                                tokenizer->tokenizer);
  return status ? artifact::writeFileAtomically(folder->path(files[1]),
                                                tokenizer->config)
                : status;
}

/// A small JSON file of the model's folder; empty if it is not there or broken
/// (import has already complained about those that matter).
static JsonValue readConfig(const std::string &path) {
  if (!llvm::sys::fs::exists(path))
    return JsonValue();
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return JsonValue();
  Result<JsonValue> value = parseJson(file->bytes());
  return value ? *value : JsonValue();
}

artifact::TokenizerFacts Compilation::tokenizerFacts() const {
  artifact::TokenizerFacts facts;
  if (tokenizer) {
    facts.bosTokenId = tokenizer->bosTokenId;
    facts.eosTokenIds = tokenizer->eosTokenIds;
    return facts;
  }
  JsonValue config = readConfig(options.modelPath + "/config.json");
  if (const JsonValue *bos = config.find("bos_token_id"))
    facts.bosTokenId = bos->asInteger();
  if (const JsonValue *eos = config.find("eos_token_id")) {
    if (auto id = eos->asInteger())
      facts.eosTokenIds.push_back(*id);
    for (const JsonValue &item : eos->items)
      if (auto id = item.asInteger())
        facts.eosTokenIds.push_back(*id);
  }
  return facts;
}

Status Compilation::writeManifest() {
  manifest.quernVersion = QUERN_VERSION;
  llvm::json::Object facts = modelFacts(*module);
  manifest.architecture = facts.getString("architecture").value_or("").str();
  manifest.model = toText(std::move(facts));
  manifest.compute = options.compute;
  manifest.kvCache = cacheFormat(*module);
  manifest.kvRotate = options.kvRotate;
  manifest.kvBytesPerToken = table.cacheBytesPerToken;
  for (const codegen::CpuTarget *target : targets)
    manifest.isas.push_back(target->isa);
  manifest.tokenizer = tokenizerFacts();
  for (const char *name :
       {artifact::kModelFile, artifact::kWeightsFile, artifact::kTokenizerFile,
        artifact::kTokenizerConfigFile}) {
    if (!llvm::sys::fs::exists(folder->path(name)))
      continue;
    Result<artifact::FileRecord> record =
        artifact::hashFile(folder->path(name));
    if (!record)
      return record.status();
    manifest.files[name] = *record;
  }
  // The build is what was built: code and weights.
  manifest.buildId =
      llvm::utohexstr(manifest.files[artifact::kModelFile].hash, true, 16) +
      llvm::utohexstr(manifest.files[artifact::kWeightsFile].hash, true, 16);
  Result<std::string> text = artifact::formatManifest(manifest);
  if (!text)
    return text.status();
  return artifact::writeFileAtomically(folder->path(artifact::kManifestFile),
                                       *text);
}
