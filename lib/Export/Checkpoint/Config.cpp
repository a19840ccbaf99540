// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file config.json of a checkpoint.

#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Export/Checkpoint.h"
#include "quern/Export/ModelFacts.h"
#include "quern/Support/Text.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace quern;
using namespace quern::exporter;
using llvm::json::Array;
using llvm::json::Object;

namespace {
struct Family {
  const char *modelType;
  const char *className;
};
} // namespace

static constexpr Family families[] = {
    {"llama", "LlamaForCausalLM"},
    {"mistral", "MistralForCausalLM"},
    {"qwen2", "Qwen2ForCausalLM"},
    {"qwen3", "Qwen3ForCausalLM"},
};

/// The decimal that is read as this float, and no more digits than it needs.
static double shortest(float value) {
  char text[32];
  for (int digits = 6; digits <= 9; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, double(value));
    if (std::strtof(text, nullptr) == value)
      break;
  }
  return std::strtod(text, nullptr);
}

static Status addRope(const ModelFacts &facts, Object &config) {
  config["rope_theta"] = facts.ropeBase;
  if (facts.ropeFactors.empty())
    return Status::ok();
  for (float factor : facts.ropeFactors)
    if (factor != facts.ropeFactors.front())
      return Status::error(
          StatusCode::Unsupported,
          "expects frequencies of rotary positions that are plain or scaled by "
          "one factor, because config.json says no others, but got several "
          "factors; export the folder that the model comes from");
  config["rope_scaling"] = Object{
      {"rope_type", "linear"}, {"factor", shortest(facts.ropeFactors.front())}};
  return Status::ok();
}

static void addTokens(const SpecialTokens &tokens, Object &config) {
  if (tokens.begin)
    config["bos_token_id"] = *tokens.begin;
  if (tokens.ends.size() == 1)
    config["eos_token_id"] = tokens.ends.front();
  else if (!tokens.ends.empty())
    config["eos_token_id"] = Array(tokens.ends);
}

static Result<Object> makeConfig(mlir::ModuleOp module,
                                 const ModelFacts &facts) {
  auto has = [&](const char *name) {
    return module.lookupSymbol<param::GlobalOp>(name) != nullptr;
  };
  Object config{{"model_type", facts.architecture},
                {"vocab_size", facts.vocabulary},
                {"max_position_embeddings", facts.context},
                {"hidden_size", facts.hidden},
                {"intermediate_size", facts.intermediate},
                {"num_hidden_layers", facts.layers},
                {"num_attention_heads", facts.heads},
                {"num_key_value_heads", facts.kvHeads},
                {"head_dim", facts.headDim},
                {"rms_norm_eps", shortest(facts.normEps)},
                {"hidden_act", "silu"},
                {"tie_word_embeddings", facts.isTied},
                {"attention_bias", has("model.layers.0.self_attn.q_proj.bias")},
                {"mlp_bias", has("model.layers.0.mlp.up_proj.bias")}};
  for (const Family &family : families)
    if (facts.architecture == family.modelType)
      config["architectures"] = Array{family.className};
  if (Status status = addRope(facts, config); !status)
    return status;
  return config;
}

static Result<Object> parseConfig(const std::string &text) {
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(text);
  if (!parsed)
    return Status::error(StatusCode::InvalidFile,
                         "config.json: " + llvm::toString(parsed.takeError()));
  if (const Object *object = parsed->getAsObject())
    return Object(*object);
  return Status::error(StatusCode::InvalidFile,
                       "config.json: expects an object, but got another value");
}

Result<std::string>
exporter::checkpointConfig(mlir::ModuleOp module, const std::string &original,
                           const SpecialTokens &tokens,
                           const std::string &quantization) {
  Result<Object> config = Object();
  if (original.empty()) {
    Result<ModelFacts> facts = readModelFacts(module);
    if (!facts)
      return facts.status();
    config = makeConfig(module, *facts);
    if (config)
      addTokens(tokens, *config);
  } else {
    config = parseConfig(original);
  }
  if (!config)
    return config.status();
  config->erase("quantization_config");
  if (!quantization.empty())
    (*config)["quantization_config"] =
        llvm::cantFail(llvm::json::parse(quantization));
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/2);
  json.value(llvm::json::Value(std::move(*config)));
  return text + "\n";
}
