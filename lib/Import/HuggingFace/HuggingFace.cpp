// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Import of a Hugging Face folder: configuration, tensors, graph.

#include "quern/Import/Import.h"

#include "../BindWeights.h"
#include "../BuildModel.h"
#include "Families.h"
#include "PlainWeights.h"
#include "Quantized/QuantizedWeights.h"
#include "quern/Support/Text.h"
#include "quern/Weights/Registry.h"

namespace quern::import {

namespace {
struct Family {
  const char *modelType;
  const char *className; ///< the entry of `architectures`
  void (*describe)(Config &config, Architecture &architecture);
};
} // namespace

static constexpr Family families[] = {
    {"gemma2", "Gemma2ForCausalLM", describeGemma2},
    {"gemma3_text", "Gemma3ForCausalLM", describeGemma3},
    {"gpt2", "GPT2LMHeadModel", describeGpt2},
    {"gpt_neox", "GPTNeoXForCausalLM", describeGptNeoX},
    {"llama", "LlamaForCausalLM", describeLlama},
    {"mistral", "MistralForCausalLM", describeMistral},
    {"mixtral", "MixtralForCausalLM", describeMixtral},
    {"phi3", "Phi3ForCausalLM", describePhi3},
    {"qwen2", "Qwen2ForCausalLM", describeQwen2},
    {"qwen3", "Qwen3ForCausalLM", describeQwen3},
    {"qwen3_moe", "Qwen3MoeForCausalLM", describeQwen3Moe},
};

/// "'llama', 'mistral' or …"
static std::string supported() {
  std::string text;
  for (size_t i = 0; i < std::size(families); ++i) {
    const char *separator = i + 1 < std::size(families) ? ", " : " or ";
    text += (i ? separator : "") + inQuotes(families[i].modelType);
  }
  return text;
}

/// The family that `model_type` names; `architectures` must agree.
static const Family *findFamily(Config &config) {
  std::string type = config.string("model_type", "");
  const Family *found = nullptr;
  for (const Family &family : families)
    if (type == family.modelType)
      found = &family;
  if (!found) {
    config.fail("model_type",
                "expects " + supported() + ", but got " +
                    (config.has("model_type") ? inQuotes(type) : "none"),
                StatusCode::Unsupported);
    return nullptr;
  }
  for (const std::string &name : config.strings("architectures"))
    if (name != found->className)
      config.fail("architectures",
                  "expects " + inQuotes(found->className) + " for model_type " +
                      inQuotes(type) + ", but got " + inQuotes(name),
                  StatusCode::Unsupported);
  return found;
}

static Result<Architecture> readArchitecture(Config &config,
                                             const std::string &path,
                                             const ImportOptions &options) {
  Architecture architecture;
  if (const Family *family = findFamily(config)) {
    architecture.family = family->modelType;
    family->describe(config, architecture);
  }
  if (!config.status())
    return config.status();
  if (options.context < 0 || options.context > architecture.context)
    return Status::error(StatusCode::InvalidArgument,
                         path + ": expects a context from 1 to " +
                             std::to_string(architecture.context) + " (" +
                             architecture.contextSource + "), but got " +
                             std::to_string(options.context));
  if (options.context)
    architecture.context = options.context;
  return architecture;
}

/// Takes the prefix off all names if no tensor of `source` has it.
static void adaptPrefix(Checkpoint &checkpoint,
                        const weights::WeightSource &source) {
  const std::string &prefix = checkpoint.prefix;
  auto hasPrefix = [&](const std::string &name) {
    return name.compare(0, prefix.size(), prefix) == 0;
  };
  for (const weights::TensorInfo &tensor : source.tensors())
    if (hasPrefix(tensor.name))
      return;
  auto takeOff = [&](std::string &name) {
    if (hasPrefix(name))
      name.erase(0, prefix.size());
  };
  takeOff(checkpoint.layers);
  for (auto &[ours, theirs] : checkpoint.names)
    takeOff(theirs);
}

/// `method`: that some are quantized by, as `configPath` says; null: none is.
static Result<BoundWeights> bindAll(mlir::MLIRContext &context,
                                    const Architecture &architecture,
                                    const weights::WeightSource &source,
                                    CheckpointMethod *method,
                                    const std::string &configPath) {
  if (!method)
    return bindWeights(architecture,
                       PlainWeights(context, source, architecture));
  if (Status status = method->open(source); !status)
    return status;
  QuantizedWeights quantized(context, source, architecture, *method);
  if (Status status = quantized.checkRules(); !status)
    return status.withContext(configPath);
  Result<BoundWeights> bound = bindWeights(architecture, quantized);
  if (bound)
    if (Status status = quantized.checkQuantized(*bound); !status)
      return status;
  return bound;
}

Result<mlir::OwningOpRef<mlir::ModuleOp>>
importHuggingFace(mlir::MLIRContext &context, const std::string &path,
                  const ImportOptions &options) {
  std::string configPath = path + "/config.json";
  Result<Config> config = Config::read(configPath);
  if (!config)
    return config.status();
  Result<Architecture> architecture =
      readArchitecture(*config, configPath, options);
  if (!architecture)
    return architecture.status();
  Result<std::unique_ptr<CheckpointMethod>> method =
      readCheckpointMethod(*config, path);
  if (!method)
    return method.status();
  Result<std::unique_ptr<weights::WeightSource>> source =
      weights::openWeights(path);
  if (!source)
    return source.status();
  adaptPrefix(architecture->checkpoint, **source);
  loadModelDialects(context);
  Result<BoundWeights> bound =
      bindAll(context, *architecture, **source, method->get(), configPath);
  if (!bound)
    return bound.status();
  return buildModel(context, *architecture, *bound, (*source)->path());
}

} // namespace quern::import
