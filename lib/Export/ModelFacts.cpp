// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What a container says of a model beside its weights, read off the IR.

#include "quern/Export/ModelFacts.h"

#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Numerics/RotaryFrequencies.h"

#include "mlir/IR/SymbolTable.h"

#include <algorithm>
#include <cmath>

using namespace quern;
using namespace quern::exporter;

static Status unsupported(const std::string &message) {
  return Status::error(StatusCode::Unsupported, message);
}

/// What a reader divides `plain` by to get `scaled`, to the bit if there is
/// such a number.
static float factorOf(float plain, float scaled) {
  float factor = plain / scaled;
  for (float near :
       {factor, std::nextafter(factor, 0.0f), std::nextafter(factor, INFINITY)})
    if (plain / near == scaled)
      return near;
  return factor;
}

static std::vector<float> factorsOf(llvm::ArrayRef<float> frequencies,
                                    double base, int64_t headDim) {
  std::vector<float> plain = numerics::plainFrequencies(base, headDim);
  std::vector<float> factors;
  bool isPlain = true;
  for (size_t i = 0; i < plain.size(); ++i) {
    factors.push_back(factorOf(plain[i], frequencies[i]));
    isPlain &= factors[i] == 1;
  }
  return isPlain ? std::vector<float>() : factors;
}

namespace {
/// Reads what is said of the operations, which all layers must agree on.
class OpReader {
public:
  OpReader(mlir::ModuleOp module, ModelFacts &facts)
      : module(module), facts(facts) {}

  Status read();

private:
  /// A number that must be the same wherever it is found.
  template <typename T> struct Same {
    std::optional<T> number;
    void add(T found, const char *what, Status &status) {
      if (number.value_or(found) != found && status)
        status = unsupported(std::string("expects the same ") + what +
                             " in all layers, but got several");
      number = found;
    }
  };

  void readAttention(nn::AttentionOp attention);
  void readRope(nn::RopeOp rope, bool hasWindow);
  void readExperts();
  Status setRope();

  mlir::ModuleOp module;
  ModelFacts &facts;
  Status status = Status::ok();
  Same<float> eps, scale, softcap, magnitude;
  /// Of layers that attend to everything, and of those with a window.
  Same<llvm::ArrayRef<float>> frequencies[2];
};
} // namespace

void OpReader::readRope(nn::RopeOp rope, bool hasWindow) {
  magnitude.add(rope.getMagnitude() ? rope.getMagnitude()->convertToFloat() : 1,
                "magnitude of rotations", status);
  frequencies[hasWindow].add(rope.getInverseFrequencies(),
                             "frequencies of rotations", status);
}

void OpReader::readAttention(nn::AttentionOp attention) {
  int64_t window = attention.getWindow().value_or(0);
  facts.windows.resize(
      std::max<size_t>(facts.windows.size(), attention.getLayer() + 1));
  facts.windows[attention.getLayer()] = window;
  scale.add(attention.getScale().convertToFloat(), "scale of attention",
            status);
  softcap.add(attention.getSoftcap() ? attention.getSoftcap()->convertToFloat()
                                     : 0,
              "soft cap of attention", status);
  if (auto rope = attention.getQuery().getDefiningOp<nn::RopeOp>())
    readRope(rope, window != 0);
}

void OpReader::readExperts() {
  module.walk([&](nn::RouteOp route) {
    ++facts.expertLayers;
    facts.expertsPerToken = route.getTop();
    facts.expertsNormalized = route.getNormalized();
  });
  module.walk([&](nn::DispatchOp op) { facts.experts = op.getExperts(); });
  // What the last product of an expert takes is what it has inside.
  module.walk([&](nn::CombineOp combine) {
    if (auto last = combine.getInput().getDefiningOp<nn::LinearOp>())
      facts.expertIntermediate =
          llvm::cast<mlir::RankedTensorType>(last.getInput().getType())
              .getDimSize(1);
  });
}

Status OpReader::setRope() {
  std::optional<llvm::ArrayRef<float>> whole = frequencies[0].number,
                                       window = frequencies[1].number;
  if (!whole)
    std::swap(whole, window);
  if (!whole)
    return unsupported("expects a decoder with norms and rotary positions, but "
                       "got another model");
  facts.rotatedColumns = 2 * static_cast<int64_t>(whole->size());
  facts.ropeFactors = factorsOf(*whole, facts.ropeBase, facts.rotatedColumns);
  facts.ropeMagnitude = *magnitude.number;
  if (!window || *window == *whole) {
    facts.windowRopeBase = 0;
    return Status::ok();
  }
  if (!facts.windowRopeBase ||
      !factorsOf(*window, facts.windowRopeBase, facts.rotatedColumns).empty())
    return unsupported("expects plain frequencies in layers with a window, or "
                       "those of all other layers, but got others");
  return Status::ok();
}

Status OpReader::read() {
  module.walk([&](mlir::Operation *op) {
    if (auto norm = llvm::dyn_cast<nn::RMSNormOp>(op))
      eps.add(norm.getEps().convertToFloat(), "epsilon of norms", status);
    else if (auto attention = llvm::dyn_cast<nn::AttentionOp>(op))
      readAttention(attention);
    else if (auto cap = llvm::dyn_cast<nn::SoftcapOp>(op))
      facts.logitSoftcap = cap.getCap().convertToFloat();
  });
  if (!status)
    return status;
  if (!eps.number || !scale.number)
    return unsupported("expects a decoder with norms and rotary positions, but "
                       "got another model");
  facts.normEps = *eps.number;
  facts.attentionScale = *scale.number;
  facts.attentionSoftcap = *softcap.number;
  readExperts();
  return setRope();
}

Result<int64_t> ModelFacts::window() const {
  int64_t found = 0;
  for (int64_t window : windows) {
    if (window && found && window != found)
      return unsupported("expects windows of one length, but got " +
                         std::to_string(found) + " and " +
                         std::to_string(window));
    found = std::max(found, window);
  }
  return found;
}

Result<ModelFacts> exporter::readModelFacts(mlir::ModuleOp module) {
  auto model = module->getAttrOfType<mlir::DictionaryAttr>("nn.model");
  auto base = model ? model.getAs<mlir::FloatAttr>("rope_base") : nullptr;
  if (!base)
    return unsupported("expects a module with nn.model and its rope_base, but "
                       "got none");
  auto number = [&](const char *name) {
    return model.getAs<mlir::IntegerAttr>(name).getInt();
  };
  ModelFacts facts;
  facts.architecture =
      model.getAs<mlir::StringAttr>("architecture").getValue().str();
  facts.vocabulary = number("vocabulary");
  facts.context = number("context");
  facts.hidden = number("hidden");
  facts.layers = number("layers");
  facts.heads = number("heads");
  facts.kvHeads = number("kv_heads");
  facts.headDim = number("head_dim");
  facts.intermediate = number("intermediate");
  facts.ropeBase = base.getValueAsDouble();
  facts.isTied = !module.lookupSymbol<param::GlobalOp>("lm_head.weight");
  if (auto windowBase = model.getAs<mlir::FloatAttr>("window_rope_base"))
    facts.windowRopeBase = windowBase.getValueAsDouble();
  if (Status status = OpReader(module, facts).read(); !status)
    return status;
  return facts;
}
