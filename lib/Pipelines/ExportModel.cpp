// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From a model to another container.

#include "Compilation.h"
#include "ExportOnnx.h"

#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Export/Gguf.h"
#include "quern/Pipelines/Export.h"
#include "quern/Support/Text.h"
#include "quern/Weights/GgufMixtures.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quern;
using namespace quern::pipelines;
using exporter::ContainerTensor;
using exporter::ContainerWriter;

static Status invalid(const std::string &message) {
  return Status::error(StatusCode::InvalidArgument, message);
}

static CompileOptions frontOptions(const ExportOptions &options) {
  CompileOptions front;
  front.modelPath = options.modelPath;
  front.format = options.format;
  front.rules = options.rules;
  front.formatsFile = options.formatsFile;
  front.solver = options.solver;
  front.threads = options.threads;
  front.progress = options.progress;
  return front;
}

namespace {
/// One run of exportModel.
class ModelExport {
public:
  explicit ModelExport(const ExportOptions &options)
      : options(options), frontEnd(frontOptions(options)), front(frontEnd) {}

  Result<std::string> run();

private:
  Status open();
  Status openGguf();
  Status openOnnx();
  Status writeContents();
  Status writeWeights();
  Status writeSegments(const pack::PackedTensor &weight,
                       Span<const uint8_t> bytes);
  std::string report() const;

  const ExportOptions &options;
  const CompileOptions frontEnd;
  Compilation front;
  std::vector<ContainerTensor> tensors;
  std::unique_ptr<ContainerWriter> writer;
};
} // namespace

/// What people call the model: the last part of its path.
static std::string modelName(const std::string &path) {
  llvm::SmallString<128> absolute(path);
  llvm::sys::fs::make_absolute(absolute);
  llvm::sys::path::remove_dots(absolute, /*remove_dot_dot=*/true);
  return llvm::sys::path::stem(absolute).str();
}

Status ModelExport::openGguf() {
  if (!import::isGguf(options.outputPath))
    return invalid(options.outputPath +
                   ": expects a name that ends in .gguf, by which it is known "
                   "as such a file");
  Result<exporter::ModelFacts> facts =
      exporter::readModelFacts(front.getModule());
  if (!facts)
    return facts.status();
  auto planned = exporter::planGguf(front.getModule(), *facts);
  if (!planned)
    return planned.status();
  tensors = std::move(*planned);
  exporter::GgufValues values;
  llvm::StringRef mixture = options.format;
  mixture.consume_front("llama:");
  if (const weights::Mixture *named = weights::findMixture(mixture.str()))
    values.u32("general.file_type", named->fileType);
  Status status =
      exporter::describeGguf(*facts, modelName(options.modelPath), tensors,
                             front.getSource().metadata(), values);
  // A file has said all of its tokenizer by now.
  if (status && !import::isGguf(options.modelPath))
    status = exporter::describeGgufTokenizer(options.modelPath, *facts, values);
  if (!status)
    return status;
  auto created = exporter::createGguf(options.outputPath, values, tensors);
  if (!created)
    return created.status();
  writer = std::move(*created);
  return Status::ok();
}

Status ModelExport::openOnnx() {
  Result<ContainerFile> opened =
      pipelines::openOnnx(front.getModule(), options);
  if (!opened)
    return opened.status();
  tensors = std::move(opened->tensors);
  writer = std::move(opened->writer);
  return Status::ok();
}

Status ModelExport::open() {
  return options.container == "gguf" ? openGguf() : openOnnx();
}

/// The tensors that are no weights.
Status ModelExport::writeContents() {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].weight.empty())
      if (Status status = writer->write(i, tensors[i].contents); !status)
        return status;
  return Status::ok();
}

Status ModelExport::writeSegments(const pack::PackedTensor &weight,
                                  Span<const uint8_t> bytes) {
  auto global = front.getModule().lookupSymbol<param::GlobalOp>(weight.name);
  const numerics::Layout &layout =
      cast<qk::LayoutAttr>(global.getLayoutAttr()).getLayout();
  int64_t rows = weight.shape.size() == 2 ? weight.shape[0] : 1;
  int64_t cols = weight.shape.back();
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].weight != weight.name)
      continue;
    size_t segment = tensors[i].segment;
    size_t begin = numerics::segmentOffset(layout, segment, rows, cols);
    Status status =
        writer->write(i, bytes.subspan(begin, size_t(tensors[i].bytes)));
    if (!status)
      return status;
  }
  return Status::ok();
}

Status ModelExport::writeWeights() {
  pack::FoldOptions fold;
  fold.threads = front.threadCount();
  fold.progress = [&](int64_t done, int64_t total) {
    front.progress("weights",
                   double(done) / double(std::max<int64_t>(total, 1)));
  };
  front.progress("weights", 0);
  Status status = pack::foldWeights(
      front.getModule(), front.getSource(),
      [&](const pack::PackedTensor &weight, Span<const uint8_t> bytes) {
        Status wanted = front.checkWanted();
        return wanted ? writeSegments(weight, bytes) : wanted;
      },
      fold);
  if (!status)
    return status;
  if (Status wanted = front.checkWanted(); !wanted)
    return wanted;
  status = writer->finish();
  front.progress("weights", 1);
  return status;
}

std::string ModelExport::report() const {
  llvm::json::Object types;
  llvm::json::Array notes;
  uint64_t bytes = 0, elements = 0;
  for (const ContainerTensor &tensor : tensors) {
    types[tensor.type] = types.getInteger(tensor.type).value_or(0) + 1;
    bytes += tensor.bytes;
  }
  for (auto global : front.getModule().getOps<param::GlobalOp>())
    elements += global.getTensorType().getNumElements();
  for (const std::string &note : front.notes())
    notes.push_back(note);
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(llvm::json::Object{
      {"output", options.outputPath},
      {"container", options.container},
      {"weight_bytes", int64_t(bytes)},
      {"bits_per_weight",
       8.0 * double(bytes) / double(std::max<uint64_t>(elements, 1))},
      {"types", std::move(types)},
      {"notes", std::move(notes)}});
  return text;
}

Result<std::string> ModelExport::run() {
  if (!llvm::is_contained(containerNames(), options.container)) {
    std::string known;
    for (const std::string &name : containerNames())
      known += (known.empty() ? "" : ", ") + name;
    return Status::error(StatusCode::Unsupported,
                         "expects a container that models can be written as, " +
                             known + ", but got " +
                             inQuotes(options.container));
  }
  if (options.container != "onnx" && options.onnxWeights != "auto")
    return invalid("expects onnx_weights with the container onnx only, but got "
                   "it with " +
                   inQuotes(options.container));
  Status status = front.runEncode();
  if (status)
    status = open();
  if (status)
    status = writeContents();
  if (status)
    status = writeWeights();
  if (!status)
    return status;
  return report();
}

Result<std::string> pipelines::exportModel(const ExportOptions &options) {
  return ModelExport(options).run();
}

std::vector<std::string> pipelines::containerNames() {
  return {"gguf", "onnx"};
}
