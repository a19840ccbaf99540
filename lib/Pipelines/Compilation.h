// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The state of one compilation and its steps.

#ifndef QUERN_LIB_PIPELINES_COMPILATION_H
#define QUERN_LIB_PIPELINES_COMPILATION_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "quern/Artifact/Manifest.h"
#include "quern/Artifact/Writer.h"
#include "quern/Codegen/CPU/Target.h"
#include "quern/Export/EmitTable.h"
#include "quern/Import/Import.h"
#include "quern/Pack/FoldWeights.h"
#include "quern/Pipelines/Compile.h"
#include "quern/Pipelines/Contract.h"
#include "quern/Weights/WeightSource.h"
#include <chrono>
#include <map>
#include <memory>

namespace quern::pipelines {

/// Collects what a context reports while it lives: errors become a Status,
/// remarks and warnings notes.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext &context);
  ~DiagnosticCollector();

  /// The errors so far; `otherwise` if there are none.
  Status error(const std::string &otherwise) const;
  const std::vector<std::string> &notes() const { return remarks; }

private:
  mlir::MLIRContext &context;
  mlir::DiagnosticEngine::HandlerID handler;
  std::vector<std::string> errors;
  std::vector<std::string> remarks;
};

/// One run of compileModel; each step is one function.
class Compilation {
public:
  explicit Compilation(const CompileOptions &options);
  ~Compilation();

  Result<std::string> run();

  /// The first steps, up to the quantized module.
  Status runQuantize();
  /// The same, but only the weights get encodings, which a stage need not take.
  Status runEncode();
  mlir::ModuleOp getModule() const { return *module; }
  const weights::WeightSource &getSource() const { return *source; }
  const std::vector<std::string> &notes() const { return diagnostics->notes(); }
  /// Of a model that is no folder and describes its tokenizer itself.
  const std::optional<import::TokenizerFiles> &getTokenizer() const {
    return tokenizer;
  }
  void progress(const std::string &stage, double fraction);
  unsigned threadCount() const;
  /// Whether the caller still wants the result.
  Status checkWanted() const;
  std::unique_ptr<weights::WeightSource> takeSource() {
    return std::move(source);
  }

private:
  using Step = Status (Compilation::*)();
  Status runSteps(std::initializer_list<Step> steps);

  Status checkOptions();
  Status loadContext();
  Status importModel();
  Status quantize();
  Status encodeWeights();
  Status pack();
  Status generateCode();
  Status writeWeights();
  Status linkModel();
  Status writeManifest();
  Status writeTokenizer();
  std::string report() const;

  Status runPasses(const std::string &stage,
                   llvm::function_ref<void(mlir::OpPassManager &)> add,
                   std::optional<Stage> after);
  Status generateFor(const codegen::CpuTarget &target, mlir::ModuleOp module);
  Status dumpModule(mlir::ModuleOp module, const std::string &name);
  void describeTensors();
  std::string describeModel() const;
  artifact::TokenizerFacts tokenizerFacts() const;

  using Clock = std::chrono::steady_clock;

  const CompileOptions &options;
  std::vector<const codegen::CpuTarget *> targets;
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<DiagnosticCollector> diagnostics;
  std::unique_ptr<weights::WeightSource> source;
  std::optional<import::TokenizerFiles> tokenizer;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<artifact::ArtifactFolder> folder;
  std::vector<pack::PackedTensor> tensors;
  std::vector<std::string> objects; ///< of each target
  exporter::ModelTable table;
  artifact::Manifest manifest;
  int64_t predictedPeak = 0;
  std::map<std::string, double> seconds;
  std::string runningStage;
  bool isCancelled = false;
  Clock::time_point stageBegin;
};

/// Copies a file; a model may come without some of them.
Status copyIfThere(const std::string &from, const std::string &to);

} // namespace quern::pipelines

#endif // QUERN_LIB_PIPELINES_COMPILATION_H
