// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Import of a GGUF file: metadata, tensors, graph.

#include "quern/Import/Import.h"

#include "../BindWeights.h"
#include "../BuildModel.h"
#include "../Limits.h"
#include "GgufWeights.h"
#include "quern/Weights/Registry.h"

namespace quern::import {

static Result<Architecture>
readArchitecture(const weights::GgufArchitecture &kind, Facts &facts,
                 const weights::WeightSource &source,
                 const ImportOptions &options) {
  Facts tokenizer(source.metadata(), source.path(), "tokenizer.ggml.");
  GgufModel model{kind, facts, source};
  if (const weights::MetadataValue *tokens =
          tokenizer.array("tokens", weights::MetadataType::String))
    model.tokens = int64_t(tokens->size());
  Architecture architecture;
  architecture.family = kind.modelType;
  describeGgufModel(model, architecture);
  for (const Status &status : {tokenizer.status(), facts.status()})
    if (!status)
      return status;
  if (options.context < 0 || options.context > architecture.context)
    return Status::error(StatusCode::InvalidArgument,
                         source.path() + ": expects a context from 1 to " +
                             std::to_string(architecture.context) + " (" +
                             architecture.contextSource + "), but got " +
                             std::to_string(options.context));
  if (options.context)
    architecture.context = options.context;
  return architecture;
}

Result<mlir::OwningOpRef<mlir::ModuleOp>>
importGguf(mlir::MLIRContext &context, const std::string &path,
           const ImportOptions &options) {
  Result<std::unique_ptr<weights::WeightSource>> source =
      weights::openWeights(path);
  if (!source)
    return source.status();
  Facts general((*source)->metadata(), path, "general.");
  std::string name = general.string("architecture");
  if (!general.status())
    return general.status();
  Facts facts((*source)->metadata(), path, name + ".");
  bool hasExperts = facts.count("expert_count", 0, countLimit, 0) > 0;
  auto kind = findGgufFamily(name, hasExperts);
  if (!kind) {
    general.fail("architecture", kind.status().message(), kind.status().code());
    return general.status();
  }
  Result<Architecture> architecture =
      readArchitecture(**kind, facts, **source, options);
  if (!architecture)
    return architecture.status();
  loadModelDialects(context);
  Result<BoundWeights> bound = bindWeights(
      *architecture, GgufWeights(context, **source, **kind, *architecture));
  if (!bound)
    return bound.status();
  return buildModel(context, *architecture, *bound, path);
}

} // namespace quern::import
