// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file GPTQ, as AutoGPTQ and GPTQModel write it.

#include "../../Limits.h"
#include "Methods.h"
#include "Rules.h"
#include "quern/Support/Text.h"

#include <algorithm>

namespace quern::import {

namespace {
/// What modules may have of their own.
struct Options {
  int64_t bits = 0;
  int64_t groupSize = 0; ///< 0: whole rows
};

class Gptq : public CheckpointMethod {
public:
  Result<std::optional<StoredScheme>>
  schemeOf(const WeightRequest &weight) const override {
    if (!weight.find("qweight"))
      return std::optional<StoredScheme>();
    const Options &options = optionsOf(weight.module());
    StoredScheme scheme;
    scheme.entry = "gptq";
    scheme.parameters.set("bits", options.bits);
    scheme.parameters.set("less", int64_t(storesLess));
    scheme.blockCols = options.groupSize;
    return std::optional<StoredScheme>(scheme);
  }

  Status checkRules(const std::vector<std::string> &modules) const override {
    for (auto &[pattern, options] : overrides)
      if (std::none_of(modules.begin(), modules.end(),
                       [&pattern = pattern](const std::string &module) {
                         return pattern.matches(module);
                       }))
        return noModule("dynamic", inQuotes(pattern.text()));
    return Status::ok();
  }

  Options common;
  bool storesLess = true;
  std::vector<std::pair<Pattern, Options>> overrides;

private:
  const Options &optionsOf(const std::string &module) const {
    for (auto &[pattern, options] : overrides)
      if (pattern.matches(module))
        return options;
    return common;
  }
};
} // namespace

static Options readOptions(Config &config, std::optional<Options> otherwise) {
  Options options;
  std::optional<int64_t> bits, group;
  if (otherwise) {
    bits = otherwise->bits;
    group = otherwise->groupSize ? otherwise->groupSize : -1;
  }
  options.bits = config.integer("bits", 1, 32, bits);
  if (options.bits != 2 && options.bits != 3 && options.bits != 4 &&
      options.bits != 8)
    config.fail("bits",
                "expects 2, 3, 4 or 8, but got " + std::to_string(options.bits),
                StatusCode::Unsupported);
  options.groupSize = readGroupSize(config, "group_size", group);
  return options;
}

/// {pattern: {bits: …}}; `-:` before a pattern leaves modules as they are.
static void readDynamic(Config &config, Gptq &method) {
  std::optional<Config> dynamic = config.object("dynamic");
  if (!dynamic)
    return;
  for (const std::string &key : dynamic->keys()) {
    if (key.rfind("-:", 0) == 0)
      continue; // their tensors are plain
    Result<Pattern> pattern =
        Pattern::parse(key.rfind("+:", 0) == 0 ? key.substr(2) : key);
    std::optional<Config> options = dynamic->object(key);
    if (!pattern)
      dynamic->fail(key, pattern.status().message(), StatusCode::Unsupported);
    if (!pattern || !options)
      break;
    method.overrides.push_back(
        {std::move(*pattern), readOptions(*options, method.common)});
    dynamic->adopt(*options);
  }
  config.adopt(*dynamic);
}

std::unique_ptr<CheckpointMethod> readGptq(Config &config) {
  auto method = std::make_unique<Gptq>();
  method->common = readOptions(config, std::nullopt);
  std::string key =
      config.has("checkpoint_format") ? "checkpoint_format" : "format";
  std::string format = config.string(key, "gptq");
  if (format != "gptq" && format != "gptq_v2")
    config.fail(key, "expects 'gptq' or 'gptq_v2', but got " + inQuotes(format),
                StatusCode::Unsupported);
  method->storesLess = format == "gptq";
  if (std::string packed = config.string("pack_dtype", "int32");
      packed != "int32")
    config.fail("pack_dtype", "expects 'int32', but got " + inQuotes(packed),
                StatusCode::Unsupported);
  readDynamic(config, *method);
  return method;
}

} // namespace quern::import
