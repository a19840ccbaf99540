// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file From a model to another container.

#include "ModelExport.h"

#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Export/Checkpoint.h"
#include "quern/Support/Text.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quern;
using namespace quern::pipelines;
using exporter::ContainerTensor;

static constexpr const char *ggufContainer = "gguf";
static constexpr const char *onnxContainer = "onnx";
static constexpr const char *openVinoContainer = "openvino";

/// `container` without its variant.
static std::string nameOf(const std::string &container) {
  return container.substr(0, container.find('/'));
}

CompileOptions pipelines::frontOptionsOf(const ExportOptions &options) {
  CompileOptions front;
  front.modelPath = options.modelPath;
  front.format = options.format;
  front.rules = options.rules;
  front.formatsFile = options.formatsFile;
  front.encoding = options.encoding;
  front.solver = options.solver;
  front.threads = options.threads;
  // Checkpoints of Hugging Face quantize the layers.
  front.layersOnly = llvm::is_contained(exporter::checkpointContainers(),
                                        nameOf(options.container));
  front.progress = options.progress;
  return front;
}

ModelExport::ModelExport(const ExportOptions &options)
    : options(options), frontOptions(frontOptionsOf(options)),
      front(frontOptions) {}

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
    size_t size = numerics::segmentBytes(layout, segment, rows, cols);
    Span<const uint8_t> held = bytes.subspan(begin, size);
    std::vector<uint8_t> made;
    if (tensors[i].convert) {
      made = tensors[i].convert(held);
      held = made;
    }
    if (Status status = writer->write(i, held); !status)
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
  front.progress("weights", 1);
  return front.checkWanted();
}

Status ModelExport::finish() {
  Status status = writer->finish();
  return status && folder ? folder->commit() : status;
}

std::string ModelExport::report() const {
  llvm::json::Object types;
  llvm::json::Array notes;
  uint64_t bytes = 0, elements = 0;
  for (const ContainerTensor &tensor : tensors) {
    if (!tensor.joinsPrevious)
      types[tensor.type] = types.getInteger(tensor.type).value_or(0) + 1;
    bytes += tensor.bytes;
  }
  for (auto global : front.getModule().getOps<param::GlobalOp>())
    elements += global.getTensorType().getNumElements();
  for (const std::string &note : front.notes())
    notes.push_back(note);
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(llvm::json::Object{
      {"output", output},
      {"container", options.container},
      {"weight_bytes", int64_t(bytes)},
      {"bits_per_weight",
       8.0 * double(bytes) / double(std::max<uint64_t>(elements, 1))},
      {"types", std::move(types)},
      {"notes", std::move(notes)}});
  return text;
}

Status ModelExport::open() {
  if (options.container == ggufContainer)
    return openGguf();
  if (options.container == openVinoContainer)
    return openOpenVino();
  return options.container == onnxContainer ? openOnnx() : openCheckpoint();
}

Result<std::string> ModelExport::run() {
  if (!llvm::is_contained(containerNames(), nameOf(options.container))) {
    std::string known;
    for (const std::string &one : containerNames())
      known += (known.empty() ? "" : ", ") + one;
    return Status::error(StatusCode::Unsupported,
                         "expects a container that models can be written as, " +
                             known + ", but got " +
                             inQuotes(options.container));
  }
  if (options.container != onnxContainer && options.onnxWeights != "auto")
    return Status::error(StatusCode::InvalidArgument,
                         "expects onnx_weights with the container onnx only, "
                         "but got it with " +
                             inQuotes(options.container));
  Status status = front.runEncode();
  for (auto step : {&ModelExport::open, &ModelExport::writeContents,
                    &ModelExport::writeWeights, &ModelExport::finish})
    if (status)
      status = (this->*step)();
  if (!status)
    return status;
  return report();
}

Result<std::string> pipelines::exportModel(const ExportOptions &options) {
  return ModelExport(options).run();
}

std::vector<std::string> pipelines::containerNames() {
  std::vector<std::string> names = exporter::checkpointContainers();
  names.insert(names.begin(),
               {ggufContainer, onnxContainer, openVinoContainer});
  return names;
}
