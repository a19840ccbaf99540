// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file quern._compiler: the pipelines as Python functions.

#include "CompilerModule.h"

#include "quern/Pipelines/Compile.h"
#include "quern/Pipelines/Export.h"

#include <exception>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace quern;
using namespace quern::python;
using quern::pipelines::CompileOptions;
using namespace quern::pipelines;

namespace {

/// Hands progress from any thread to a Python function, and stops the compiler
/// if that raises or a signal's handler does, as after Ctrl-C. What was raised
/// is kept until the compiler has returned, for no exception may pass through
/// it.
class ProgressCallback {
public:
  explicit ProgressCallback(nb::object function)
      : function(std::move(function)) {}

  bool operator()(const std::string &stage, double fraction) {
    nb::gil_scoped_acquire lock;
    if (raised)
      return false;
    try {
      if (PyErr_CheckSignals() != 0)
        nb::raise_python_error();
      if (!function.is_none())
        function(stage, fraction);
    } catch (const nb::python_error &) {
      raised = std::current_exception();
    }
    return !raised;
  }

  void rethrow() {
    if (raised)
      std::rethrow_exception(raised);
  }

private:
  nb::object function;
  std::exception_ptr raised;
};

/// The report of `run`, which tells `progress` how far it is.
template <typename Options>
std::string runWithProgress(Result<std::string> (*run)(const Options &),
                            Options &options, nb::object progress) {
  ProgressCallback callback(std::move(progress));
  options.progress = [&callback](const std::string &stage, double fraction) {
    return callback(stage, fraction);
  };
  Result<std::string> report = [&] {
    nb::gil_scoped_release unlocked;
    return run(options);
  }();
  callback.rethrow();
  return unwrap(std::move(report));
}

std::string compile(std::string modelPath, std::string outputPath,
                    std::string format,
                    std::vector<std::pair<std::string, std::string>> rules,
                    std::string compute, std::string activations,
                    std::string target, std::string formatsFile,
                    std::string kvCache, bool kvRotate, std::string solver,
                    int64_t context, unsigned threads, std::string dumpPath,
                    nb::object progress) {
  CompileOptions options;
  options.modelPath = std::move(modelPath);
  options.outputPath = std::move(outputPath);
  options.format = std::move(format);
  options.rules = std::move(rules);
  options.compute = std::move(compute);
  options.activations = std::move(activations);
  options.target = std::move(target);
  options.formatsFile = std::move(formatsFile);
  options.kvCache = std::move(kvCache);
  options.kvRotate = kvRotate;
  options.solver = std::move(solver);
  options.context = context;
  options.threads = threads;
  options.dumpPath = std::move(dumpPath);
  return runWithProgress(pipelines::compileModel, options, std::move(progress));
}

WeightEncoding encodingCalled(const std::string &name) {
  if (name == "transcode")
    return WeightEncoding::Transcode;
  if (name == "re-encode")
    return WeightEncoding::ReEncode;
  if (name == "quantize")
    return WeightEncoding::Quantize;
  throw CompileError("expects an encoding of weights, quantize, transcode or "
                     "re-encode, but got '" +
                     name + "'");
}

std::string exportFile(std::string modelPath, std::string outputPath,
                       std::string container, std::string format,
                       std::vector<std::pair<std::string, std::string>> rules,
                       std::string formatsFile, std::string encoding,
                       std::string solver, std::string onnxWeights,
                       unsigned threads, uint64_t shardBytes,
                       nb::object progress) {
  ExportOptions options;
  options.modelPath = std::move(modelPath);
  options.outputPath = std::move(outputPath);
  options.container = std::move(container);
  options.format = std::move(format);
  options.rules = std::move(rules);
  options.formatsFile = std::move(formatsFile);
  options.encoding = encodingCalled(encoding);
  options.solver = std::move(solver);
  options.onnxWeights = std::move(onnxWeights);
  options.threads = threads;
  options.shardBytes = shardBytes;
  return runWithProgress(pipelines::exportModel, options, std::move(progress));
}

std::string planFile(std::string modelPath, std::string container,
                     std::string format,
                     std::vector<std::pair<std::string, std::string>> rules,
                     std::string formatsFile) {
  ExportOptions options;
  options.modelPath = std::move(modelPath);
  options.container = std::move(container);
  options.format = std::move(format);
  options.rules = std::move(rules);
  options.formatsFile = std::move(formatsFile);
  Result<std::string> plan = [&] {
    nb::gil_scoped_release unlocked;
    return pipelines::planExport(options);
  }();
  return unwrap(std::move(plan));
}

std::string importText(const std::string &modelPath) {
  Result<std::string> text = [&] {
    nb::gil_scoped_release unlocked;
    return pipelines::importToText(modelPath);
  }();
  return unwrap(std::move(text));
}

std::string describe(const std::string &path) {
  return unwrap(pipelines::describeWeights(path));
}

} // namespace

NB_MODULE(_compiler, module) {
  module.doc() = "The compiler's pipelines; use quern.compiler instead.";
  nb::exception<CompileError>(module, "CompileError");
  module.def("compile_model", &compile, nb::kw_only(), nb::arg("model_path"),
             nb::arg("output_path"), nb::arg("format"), nb::arg("rules"),
             nb::arg("compute"), nb::arg("activations"), nb::arg("target"),
             nb::arg("formats_file"), nb::arg("kv_cache"), nb::arg("kv_rotate"),
             nb::arg("solver"), nb::arg("context"), nb::arg("threads"),
             nb::arg("dump_path"), nb::arg("progress").none(),
             "Compiles a model and returns the report as JSON.");
  module.def("export_model", &exportFile, nb::kw_only(), nb::arg("model_path"),
             nb::arg("output_path"), nb::arg("container"), nb::arg("format"),
             nb::arg("rules"), nb::arg("formats_file"), nb::arg("encoding"),
             nb::arg("solver"), nb::arg("onnx_weights"), nb::arg("threads"),
             nb::arg("shard_bytes"), nb::arg("progress").none(),
             "Writes a model into a container and returns the report as JSON.");
  module.def("plan_export", &planFile, nb::kw_only(), nb::arg("model_path"),
             nb::arg("container"), nb::arg("format"), nb::arg("rules"),
             nb::arg("formats_file"), "What an export would write, as JSON.");
  module.def("container_names", &containerNames,
             "What models can be written as.");
  module.def("import_to_text", &importText, nb::arg("model_path"),
             "The IR of an imported model.");
  module.def("describe_weights", &describe, nb::arg("path"),
             "Metadata and tensors of a file of weights as JSON.");
  bindFormats(module);
  bindReference(module);
}
