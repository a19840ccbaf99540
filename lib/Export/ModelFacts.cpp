// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What a container says of a model beside its weights, read off the IR.

#include "quern/Export/ModelFacts.h"

#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Numerics/RotaryFrequencies.h"

#include "mlir/IR/SymbolTable.h"

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

/// Reads what is said of the operations, which all layers must agree on.
static Status readOps(mlir::ModuleOp module, ModelFacts &facts) {
  Status status = Status::ok();
  std::optional<llvm::ArrayRef<float>> frequencies;
  std::optional<float> eps;
  module.walk([&](mlir::Operation *op) {
    if (auto norm = llvm::dyn_cast<nn::RMSNormOp>(op)) {
      float found = norm.getEps().convertToFloat();
      if (eps.value_or(found) != found)
        status = unsupported("expects norms of one epsilon, but got several");
      eps = found;
    } else if (auto rope = llvm::dyn_cast<nn::RopeOp>(op)) {
      llvm::ArrayRef<float> found = rope.getInverseFrequencies();
      if (frequencies.value_or(found) != found)
        status = unsupported("expects rotations of the same frequencies in all "
                             "layers, but got several");
      frequencies = found;
    } else if (auto attention = llvm::dyn_cast<nn::AttentionOp>(op)) {
      if (attention.getWindow())
        status = unsupported(
            "expects layers that attend to the whole text, but got one with a "
            "window of " +
            std::to_string(*attention.getWindow()) + " tokens");
    }
  });
  if (!status)
    return status;
  if (!eps || !frequencies)
    return unsupported("expects a decoder with norms and rotary positions, but "
                       "got another model");
  facts.normEps = *eps;
  facts.ropeFactors = factorsOf(*frequencies, facts.ropeBase, facts.headDim);
  return Status::ok();
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
  if (Status status = readOps(module, facts); !status)
    return status;
  return facts;
}
