// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Code for every instruction set, and model.so.

#include "Compilation.h"

#include "mlir/Transforms/Passes.h"
#include "quern/Artifact/ArtifactFormat.h"
#include "quern/Codegen/CPU/Passes.h"
#include "quern/Codegen/CPU/Pipeline.h"
#include "quern/Codegen/Passes.h"
#include "quern/Export/EmitObject.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/ThreadPool.h"

using namespace mlir;
using namespace quern;
using namespace quern::pipelines;

/// Removes intermediate files, which lie in the artifact's folder until then.
static void removeFiles(const std::vector<std::string> &paths) {
  for (const std::string &path : paths)
    (void)llvm::sys::fs::remove(path);
}

Status Compilation::generateFor(const codegen::CpuTarget &target,
                                ModuleOp copy) {
  PassManager select(context.get());
  select.addNestedPass<func::FuncOp>(codegen::createFuseEpiloguePass());
  codegen::SelectKernelPassOptions selectOptions;
  selectOptions.isa = target.isa;
  select.addPass(codegen::createSelectKernelPass(selectOptions));
  if (failed(select.run(copy)) || failed(verifyContract(copy, Stage::Kernels)))
    return diagnostics->error("kernel selection failed");
  if (Status status = dumpModule(copy, "4-kernels-" + target.isa + ".mlir");
      !status)
    return status;
  PassManager lower(context.get());
  codegen::LowerKernelsPassOptions lowerOptions;
  lowerOptions.isa = target.isa;
  lower.addPass(codegen::createLowerKernelsPass(lowerOptions));
  codegen::buildLowerToLlvmPipeline(lower);
  if (failed(lower.run(copy)))
    return diagnostics->error("code generation failed");
  std::string assembly;
  if (!options.dumpPath.empty())
    assembly = options.dumpPath + "/5-" + target.isa + ".s";
  return exporter::emitObject(copy,
                              {codegen::targetTriple(target.architecture),
                               target.llvmCpu, target.llvmFeatures},
                              folder->path(target.isa + ".o"), assembly);
}

/// A module attribute of numbers, texts, lists and dictionaries as JSON.
static llvm::json::Value toJson(Attribute attribute) {
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getInt();
  if (auto text = dyn_cast<StringAttr>(attribute))
    return text.str();
  if (auto numbers = dyn_cast<DenseI64ArrayAttr>(attribute))
    return llvm::json::Array(numbers.asArrayRef());
  llvm::json::Array items;
  if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    for (Attribute item : list)
      items.push_back(toJson(item));
    return items;
  }
  llvm::json::Object fields;
  for (NamedAttribute field : cast<DictionaryAttr>(attribute))
    fields[field.getName().str()] = toJson(field.getValue());
  return fields;
}

static exporter::VariantRecord describeVariant(const codegen::CpuTarget &target,
                                               ModuleOp module) {
  exporter::VariantRecord record;
  record.isa = target.isa;
  record.requiredFeatures = target.requiredFeatures;
  auto kernels = module->getAttrOfType<ArrayAttr>("qk.kernels");
  auto plan = module->getAttrOfType<DictionaryAttr>("qk.plan");
  record.kernelCount = kernels.size();
  llvm::json::Value object =
      llvm::json::Object{{"isa", target.isa},
                         {"max_chunk", toJson(plan.get("max_chunk"))},
                         {"kernels", toJson(kernels)}};
  llvm::raw_string_ostream(record.kernels) << object;
  return record;
}

Status Compilation::generateCode() {
  progress("codegen", 0);
  Result<artifact::ArtifactFolder> created =
      artifact::ArtifactFolder::create(options.outputPath);
  if (!created)
    return created.status();
  folder = std::make_unique<artifact::ArtifactFolder>(std::move(*created));
  std::vector<OwningOpRef<ModuleOp>> copies;
  for (size_t i = 0; i < targets.size(); ++i)
    copies.push_back(module->clone());
  std::vector<Status> results(targets.size());
  llvm::DefaultThreadPool pool(llvm::hardware_concurrency(threadCount()));
  for (size_t i = 0; i < targets.size(); ++i)
    pool.async([&, i] { results[i] = generateFor(*targets[i], *copies[i]); });
  pool.wait();
  for (size_t i = 0; i < targets.size(); ++i) {
    if (!results[i])
      return results[i];
    objects.push_back(folder->path(targets[i]->isa + ".o"));
    table.variants.push_back(describeVariant(*targets[i], *copies[i]));
  }
  // Sizes follow from shapes alone: every instruction set has the same.
  auto plan = (*copies.front())->getAttrOfType<DictionaryAttr>("qk.plan");
  auto size = [&](StringRef name) {
    return uint64_t(cast<IntegerAttr>(plan.get(name)).getInt());
  };
  table.arenaBytes = size("arena_bytes");
  table.scratchBytes = size("scratch_bytes");
  table.scratchBytesPerToken = size("scratch_bytes_per_token");
  table.cacheBytesPerToken = size("cache_bytes_per_token");
  table.maxChunk = size("max_chunk");
  progress("codegen", 1);
  return Status::ok();
}

Status Compilation::linkModel() {
  progress("link", 0);
  auto model = (*module)->getAttrOfType<DictionaryAttr>("nn.model");
  table.maxContext = cast<IntegerAttr>(model.get("context")).getInt();
  table.vocabulary = cast<IntegerAttr>(model.get("vocabulary")).getInt();
  table.description = describeModel();
  std::string tableObject = folder->path("table.o");
  std::string archive = folder->path("runtime.a");
  std::vector<std::string> inputs = objects;
  inputs.push_back(tableObject);
  inputs.push_back(archive);
  Status status = exporter::emitTable(table, tableObject);
  if (status)
    status = exporter::writeRuntimeArchive(table.triple, archive);
  if (status)
    status = exporter::linkSharedObject(inputs, {"quern_get_api"},
                                        folder->path(artifact::kModelFile));
  removeFiles(inputs);
  progress("link", 1);
  return status;
}
