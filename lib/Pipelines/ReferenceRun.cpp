// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The quantized module of a compilation, interpreted.

#include "Compilation.h"
#include "quern/Pipelines/Reference.h"

#include "quern/Reference/ReferenceModel.h"

using namespace quern;
using namespace quern::pipelines;

/// In this order: the compilation refers to the options and owns the module
/// that the model refers to.
struct ReferenceRun::State {
  explicit State(const CompileOptions &given)
      : options(given), compilation(options) {}

  CompileOptions options;
  Compilation compilation;
  std::optional<reference::ReferenceModel> model;
};

ReferenceRun::ReferenceRun(std::unique_ptr<State> state)
    : state(std::move(state)) {}
ReferenceRun::ReferenceRun(ReferenceRun &&) = default;
ReferenceRun &ReferenceRun::operator=(ReferenceRun &&) = default;
ReferenceRun::~ReferenceRun() = default;

Result<ReferenceRun> ReferenceRun::create(const CompileOptions &options) {
  auto state = std::make_unique<State>(options);
  if (Status status = state->compilation.runQuantize(); !status)
    return status;
  Result<reference::ReferenceModel> model = reference::ReferenceModel::create(
      state->compilation.getModule(), state->compilation.takeSource());
  if (!model)
    return model.status();
  state->model.emplace(std::move(*model));
  return ReferenceRun(std::move(state));
}

int64_t ReferenceRun::vocabulary() const {
  auto facts =
      state->compilation.getModule()->getAttrOfType<mlir::DictionaryAttr>(
          "nn.model");
  return llvm::cast<mlir::IntegerAttr>(facts.get("vocabulary")).getInt();
}

int64_t ReferenceRun::length() const { return state->model->length(); }

Result<std::vector<float>> ReferenceRun::extend(Span<const int32_t> tokens,
                                                int64_t rows) {
  Result<reference::Tensor> logits = state->model->extend(tokens, rows);
  if (!logits)
    return logits.status();
  Span<const float> values = logits->values();
  return std::vector<float>(values.begin(), values.end());
}

Status ReferenceRun::truncate(int64_t length) {
  return state->model->truncate(length);
}

Result<ReferenceRun::Weight> ReferenceRun::weight(const std::string &name) {
  Result<reference::Tensor> tensor = state->model->weight(name);
  if (!tensor)
    return tensor.status();
  Span<const float> values = tensor->values();
  return Weight{tensor->shape(), {values.begin(), values.end()}};
}
