// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file --interpret

#include "Translate.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "quern/InitAllDialects.h"
#include "quern/Reference/ReferenceModel.h"
#include "quern/Weights/Registry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/SourceMgr.h"

using namespace quern;
using namespace quern::reference;
namespace cl = llvm::cl;

static cl::OptionCategory category("Options of --interpret");
static cl::opt<std::string>
    weightsPath("weights", cl::cat(category), cl::value_desc("path"),
                cl::desc("Weight file or folder for the scope \"model\""));
static cl::opt<std::string>
    entry("entry", cl::cat(category), cl::value_desc("name"),
          cl::desc("Function to evaluate: by default every public one whose "
                   "arguments are caches, or with --tokens \"forward\""));
static cl::list<int32_t>
    tokens("tokens", cl::cat(category), cl::CommaSeparated,
           cl::value_desc("ids"),
           cl::desc("Tokens to evaluate the function of a model with; prints "
                    "one line of logits a row"));
static cl::opt<int64_t>
    rows("rows", cl::cat(category), cl::init(1),
         cl::desc("Trailing tokens to print logits of (default 1)"));
static cl::opt<std::string>
    probeFolder("probe", cl::cat(category), cl::value_desc("folder"),
                cl::desc("Write every intermediate value as .npy"));

static bool hasOnlyCaches(mlir::func::FuncOp function) {
  return llvm::all_of(function.getArgumentTypes(),
                      llvm::IsaPred<nn::KVCacheType>);
}

/// Whether runFunctions is to evaluate `function`.
static bool isWanted(mlir::func::FuncOp function) {
  if (!entry.empty())
    return function.getSymName() == entry;
  return function.isPublic() && !function.isDeclaration() &&
         hasOnlyCaches(function);
}

/// Evaluates `function` with empty caches.
static Status runFunction(Interpreter &interpreter,
                          mlir::func::FuncOp function) {
  if (!hasOnlyCaches(function))
    return Status::error(StatusCode::InvalidArgument,
                         "function '" + function.getSymName().str() +
                             "' expects arguments other than caches");
  std::vector<KVCache> caches;
  for (mlir::Type type : function.getArgumentTypes())
    caches.push_back(makeCache(llvm::cast<nn::KVCacheType>(type)));
  llvm::SmallVector<Value> arguments, results;
  for (KVCache &cache : caches)
    arguments.push_back(&cache);
  if (failed(interpreter.call(function, arguments, results)))
    return Status::error(StatusCode::InvalidArgument,
                         "function '" + function.getSymName().str() +
                             "' failed");
  return Status::ok();
}

/// Evaluates functions for what their check ops say. All are evaluated, even
/// if one fails.
static Status runFunctions(mlir::ModuleOp module, WeightStore &weights,
                           const Probe &probe) {
  Interpreter interpreter(module, weights);
  interpreter.setProbe(probe);
  Status status = Status::error(
      StatusCode::NotFound,
      entry.empty() ? "expects --tokens or a public function whose arguments "
                      "are caches, but got neither"
                    : "the module has no function '" + entry + "'");
  bool isFirst = true;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    if (!isWanted(function))
      continue;
    Status ran = runFunction(interpreter, function);
    if (isFirst || !ran)
      status = ran;
    isFirst = false;
  }
  return status;
}

/// Prints one line of logits a row.
static Status runModel(mlir::ModuleOp module,
                       std::shared_ptr<const weights::WeightSource> weights,
                       const Probe &probe, llvm::raw_ostream &out) {
  Result<ReferenceModel> model = ReferenceModel::create(
      module, std::move(weights), entry.empty() ? "forward" : entry.c_str());
  if (!model)
    return model.status();
  model->setProbe(probe);
  std::vector<int32_t> ids(tokens.begin(), tokens.end());
  Result<Tensor> logits = model->extend(ids, rows);
  if (!logits)
    return logits.status();
  for (int64_t row = 0; row < logits->rows(); ++row) {
    for (float logit : logits->row(row))
      out << llvm::format("%.9g ", double(logit));
    out << "\n";
  }
  return Status::ok();
}

static Status run(mlir::ModuleOp module, const Probe &probe,
                  llvm::raw_ostream &out) {
  std::shared_ptr<const weights::WeightSource> source;
  if (!weightsPath.empty()) {
    auto opened = weights::openWeights(weightsPath);
    if (!opened)
      return opened.status();
    source = std::move(*opened);
  }
  if (!tokens.empty())
    return runModel(module, source, probe, out);
  WeightStore store;
  if (source)
    store.bind("model", source);
  return runFunctions(module, store, probe);
}

Status translate::interpret(const std::string &input, llvm::raw_ostream &out) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file =
      mlir::openInputFile(input, &message);
  if (!file)
    return Status::error(StatusCode::Io, message);

  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  if (!module)
    return Status::error(StatusCode::InvalidFile, input + " is not valid IR");

  if (probeFolder.empty())
    return run(*module, Probe(), out);
  Result<NpyProbe> probe = NpyProbe::create(probeFolder);
  if (!probe)
    return probe.status();
  Status status = run(*module, std::ref(*probe), out);
  Status written = probe->finish();
  return status ? written : status;
}
