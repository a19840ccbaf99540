// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The order of the phases, from a model to an artifact.

#include "Compilation.h"

#include "quern/Import/Import.h"
#include "quern/InitAllDialects.h"
#include "quern/Pack/Pipeline.h"
#include "quern/Quantize/Pipeline.h"
#include "quern/Weights/Registry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <thread>

using namespace mlir;
using namespace quern;
using namespace quern::pipelines;

Compilation::Compilation(const CompileOptions &options) : options(options) {}
Compilation::~Compilation() = default;

unsigned Compilation::threadCount() const {
  unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  return options.threads == 0 ? processors : options.threads;
}

void Compilation::progress(const std::string &stage, double fraction) {
  Clock::time_point now = Clock::now();
  if (stage != runningStage) {
    runningStage = stage;
    stageBegin = now;
  }
  seconds[stage] = std::chrono::duration<double>(now - stageBegin).count();
  if (options.progress && !options.progress(stage, fraction))
    isCancelled = true;
}

Status Compilation::checkWanted() const {
  return isCancelled ? Status::error(StatusCode::Cancelled,
                                     "the compilation was cancelled")
                     : Status::ok();
}

static Status invalid(const std::string &text) {
  return Status::error(StatusCode::InvalidArgument, text);
}

static bool isOneOf(const std::string &value,
                    std::initializer_list<const char *> allowed) {
  return llvm::any_of(allowed, [&](const char *a) { return value == a; });
}

Status Compilation::checkOptions() {
  auto resolved = codegen::resolveCpuTargets(options.target);
  if (!resolved)
    return resolved.status();
  targets = *resolved;
  table.triple = codegen::targetTriple(targets.front()->architecture);
  if (Status status = exporter::checkRuntime(table.triple); !status)
    return status;
  if (!isOneOf(options.compute, {"f32", "bf16", "int8"}))
    return invalid("expects compute to be f32, bf16 or int8, but got '" +
                   options.compute + "'");
  if (!options.activations.empty() && options.compute != "int8")
    return invalid("expects compute to be int8 beside a format of activations, "
                   "but got '" +
                   options.compute + "'");
  if (!isOneOf(options.solver, {"rtn", "mse"}))
    return invalid("expects solver to be rtn or mse, but got '" +
                   options.solver + "'");
  if (options.context < 0)
    return invalid("expects a context of at least 1 token, but got " +
                   std::to_string(options.context));
  return Status::ok();
}

Status Compilation::loadContext() {
  DialectRegistry registry;
  registerAllDialects(registry);
  if (!options.formatsFile.empty()) {
    numerics::FormatRegistry formats = numerics::FormatRegistry::builtin();
    if (Status status = formats.addFile(options.formatsFile); !status)
      return status;
    qt::registerFormats(registry, std::move(formats));
  }
  context = std::make_unique<MLIRContext>(registry);
  context->loadAllAvailableDialects();
  diagnostics = std::make_unique<DiagnosticCollector>(*context);
  return Status::ok();
}

Status Compilation::importModel() {
  progress("import", 0);
  Result<std::unique_ptr<weights::WeightSource>> opened =
      weights::openWeights(options.modelPath);
  if (!opened)
    return opened.status();
  source = std::move(*opened);
  if (import::isGguf(options.modelPath)) {
    auto made = import::ggufTokenizer(source->metadata(), options.modelPath);
    if (!made)
      return made.status();
    tokenizer = std::move(*made);
  }
  import::ImportOptions importOptions;
  importOptions.context = options.context;
  Result<OwningOpRef<ModuleOp>> imported =
      import::importModel(*context, options.modelPath, importOptions);
  if (!imported)
    return imported.status();
  module = std::move(*imported);
  if (failed(verifyContract(*module, Stage::Imported)))
    return diagnostics->error("the imported module breaks its contract");
  progress("import", 1);
  return dumpModule(*module, "1-imported.mlir");
}

Status Compilation::runPasses(const std::string &stage,
                              function_ref<void(OpPassManager &)> add,
                              std::optional<Stage> after) {
  progress(stage, 0);
  PassManager passes(context.get());
  add(passes);
  if (failed(passes.run(*module)) ||
      (after && failed(verifyContract(*module, *after))))
    return diagnostics->error("the passes of " + stage + " failed");
  progress(stage, 1);
  return Status::ok();
}

static void setWeightOptions(const CompileOptions &options,
                             quantize::QuantizePipelineOptions &pipeline) {
  pipeline.format = options.format;
  for (auto &[pattern, format] : options.rules)
    pipeline.rules.push_back(pattern + "=" + format);
  pipeline.solver = options.solver;
  pipeline.layersOnly = options.layersOnly;
}

Status Compilation::quantize() {
  quantize::QuantizePipelineOptions pipeline;
  setWeightOptions(options, pipeline);
  pipeline.compute = options.compute;
  pipeline.activations = options.activations;
  pipeline.kvCache = options.kvCache;
  pipeline.kvRotate = options.kvRotate;
  Status status = runPasses(
      "quantize",
      [&](OpPassManager &passes) {
        quantize::buildQuantizePipeline(passes, pipeline);
      },
      Stage::Quantized);
  return status ? dumpModule(*module, "2-quantized.mlir") : status;
}

Status Compilation::encodeWeights() {
  quantize::QuantizePipelineOptions pipeline;
  setWeightOptions(options, pipeline);
  return runPasses(
      "quantize",
      [&](OpPassManager &passes) {
        if (options.encoding == WeightEncoding::Quantize)
          quantize::addEncodingPass(passes, pipeline);
        else
          quantize::addTranscodingPass(
              passes, pipeline, options.encoding == WeightEncoding::ReEncode);
      },
      std::nullopt);
}

Status Compilation::pack() {
  Status status = runPasses(
      "pack",
      [&](OpPassManager &passes) {
        pack::buildPackPipeline(passes, pack::PackPipelineOptions());
      },
      Stage::Packed);
  if (!status)
    return status;
  Result<std::vector<pack::PackedTensor>> described =
      pack::describeWeights(*module);
  if (!described)
    return described.status();
  tensors = std::move(*described);
  describeTensors();
  return dumpModule(*module, "3-packed.mlir");
}

Status Compilation::dumpModule(ModuleOp dumped, const std::string &name) {
  if (options.dumpPath.empty())
    return Status::ok();
  std::error_code error = llvm::sys::fs::create_directories(options.dumpPath);
  std::string path = options.dumpPath + "/" + name;
  if (!error) {
    llvm::raw_fd_ostream stream(path, error);
    if (!error)
      dumped.print(stream);
  }
  if (error)
    return Status::error(StatusCode::Io,
                         path + ": cannot be written: " + error.message());
  return Status::ok();
}

std::string Compilation::report() const {
  llvm::json::Object times;
  for (auto &[stage, time] : seconds)
    times[stage] = time;
  llvm::json::Array notes, isas;
  for (const std::string &note : diagnostics->notes())
    notes.push_back(note);
  for (const codegen::CpuTarget *target : targets)
    isas.push_back(target->isa);
  llvm::json::Object report{{"output", options.outputPath},
                            {"weight_bytes", int64_t(manifest.weightBytes)},
                            {"bits_per_weight", manifest.bitsPerWeight},
                            {"peak_bytes_predicted", predictedPeak},
                            {"isas", std::move(isas)},
                            {"notes", std::move(notes)},
                            {"seconds", std::move(times)}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(report));
  return text;
}

Status Compilation::runSteps(std::initializer_list<Step> steps) {
  for (Step step : steps) {
    if (Status status = (this->*step)(); !status)
      return status;
    if (Status status = checkWanted(); !status)
      return status;
  }
  return Status::ok();
}

Status Compilation::runQuantize() {
  return runSteps({&Compilation::checkOptions, &Compilation::loadContext,
                   &Compilation::importModel, &Compilation::quantize});
}

Status Compilation::runEncode() {
  return runSteps({&Compilation::checkOptions, &Compilation::loadContext,
                   &Compilation::importModel, &Compilation::encodeWeights});
}

Result<std::string> Compilation::run() {
  Status status = runQuantize();
  if (status)
    status =
        runSteps({&Compilation::pack, &Compilation::generateCode,
                  &Compilation::writeWeights, &Compilation::linkModel,
                  &Compilation::writeTokenizer, &Compilation::writeManifest});
  if (!status)
    return status;
  status = folder->commit();
  if (!status)
    return status;
  return report();
}

Result<std::string> pipelines::compileModel(const CompileOptions &options) {
  return Compilation(options).run();
}

Result<std::string> pipelines::importToText(const std::string &modelPath) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  DiagnosticCollector diagnostics(context);
  Result<OwningOpRef<ModuleOp>> module =
      import::importModel(context, modelPath, import::ImportOptions());
  if (!module)
    return module.status();
  std::string text;
  llvm::raw_string_ostream stream(text);
  (*module)->print(stream);
  return text;
}
