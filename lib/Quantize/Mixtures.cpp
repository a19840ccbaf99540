// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Formats of weights by a mixture of llama-quantize.

#include "Mixtures.h"

#include "quern/Support/Text.h"
#include "quern/Weights/GgufNames.h"

using namespace quern;
using namespace quern::quantize;

static Result<const weights::Mixture *>
findNamed(const std::string &text, const numerics::FormatRegistry &formats) {
  llvm::StringRef name = text;
  bool isMixture = name.consume_front("llama:");
  const weights::Mixture *mixture = weights::findMixture(name.str());
  if (!isMixture)
    return formats.resolve(text) ? nullptr : mixture;
  if (mixture)
    return mixture;
  std::string known;
  for (const std::string &other : weights::mixtureNames())
    known += (known.empty() ? "" : ", ") + other;
  return Status::error(StatusCode::InvalidArgument,
                       "expects a mixture of llama-quantize, one of " + known +
                           ", but got " + inQuotes(name.str()));
}

Result<std::optional<MixtureChoice>>
MixtureChoice::find(const std::string &text,
                    const numerics::FormatRegistry &formats,
                    mlir::ModuleOp module) {
  Result<const weights::Mixture *> mixture = findNamed(text, formats);
  if (!mixture)
    return mixture.status();
  if (!*mixture)
    return std::optional<MixtureChoice>();
  auto facts = module->getAttrOfType<mlir::DictionaryAttr>("nn.model");
  if (!facts)
    return Status::error(StatusCode::InvalidArgument,
                         "expects a module with nn.model for the mixture " +
                             inQuotes(text) + ", but got none");
  auto number = [&](const char *name) {
    return facts.getAs<mlir::IntegerAttr>(name).getInt();
  };
  MixtureChoice choice;
  // Models that llama.cpp does not know have names like those of Llama, or
  // none.
  choice.architecture = weights::findGgufArchitecture(
      facts.getAs<mlir::StringAttr>("architecture").str());
  if (!choice.architecture)
    choice.architecture = weights::findGgufArchitecture("llama");
  choice.mixture = *mixture;
  choice.model.layers = number("layers");
  choice.model.heads = number("heads");
  choice.model.kvHeads = number("kv_heads");
  choice.model.isTied = !module.lookupSymbol<param::GlobalOp>("lm_head.weight");
  return std::optional<MixtureChoice>(std::move(choice));
}

numerics::Format MixtureChoice::formatOf(param::GlobalOp global) const {
  std::string tensor =
      weights::ggufNameOf(*architecture, global.getSymName().str());
  const weights::GgmlType *type = weights::typeIn(
      *mixture, model, tensor, global.getTensorType().getShape().back());
  // Types of plain elements have the names of formats, too.
  return *numerics::FormatRegistry::builtin().lookup(
      llvm::StringRef(type->name).lower());
}
