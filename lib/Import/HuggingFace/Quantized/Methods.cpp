// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which method a folder says.

#include "Methods.h"

#include "quern/Support/Text.h"

#include <filesystem>

namespace quern::import {

CheckpointMethod::~CheckpointMethod() = default;

Status CheckpointMethod::open(const weights::WeightSource & /*source*/) {
  return Status::ok();
}

Status CheckpointMethod::checkRules(
    const std::vector<std::string> & /*modules*/) const {
  return Status::ok();
}

namespace {
struct Method {
  const char *name; ///< the value of `quant_method`
  MethodReader *read;
};

/// Where folders say how they are quantized if config.json does not.
struct OlderFile {
  const char *name;
  MethodReader *read;
  const char *member; ///< that holds the rest; null: the file itself
};
} // namespace

static constexpr Method methods[] = {
    {"gptq", readGptq},
    {"awq", readAwq},
    {"compressed-tensors", readCompressedTensors},
    {"bitsandbytes", readBitsAndBytes},
    {"fp8", readFineGrainedFloat8},
    {"fbgemm_fp8", readFbgemmFloat8},
    {"modelopt", readModelOpt},
    {"hqq", readHqq},
    {"torchao", readTorchAo},
};

static constexpr OlderFile olderFiles[] = {
    {"quantize_config.json", readGptq, nullptr},
    {"quant_config.json", readAwq, nullptr},
    {"hf_quant_config.json", readModelOpt, "quantization"},
};

static Result<std::unique_ptr<CheckpointMethod>> run(MethodReader *read,
                                                     Config &config) {
  std::unique_ptr<CheckpointMethod> method = read(config);
  if (!config.status())
    return config.status();
  return method;
}

static Result<std::unique_ptr<CheckpointMethod>>
readOlderFile(const OlderFile &file, const std::string &path) {
  Result<Config> config = Config::read(path);
  if (!config)
    return config.status();
  if (!file.member)
    return run(file.read, *config);
  std::optional<Config> member = config->object(file.member);
  if (!config->status())
    return config->status();
  if (!member) {
    config->fail(file.member, "expects an object, but there is none");
    return config->status();
  }
  return run(file.read, *member);
}

Result<std::unique_ptr<CheckpointMethod>>
readCheckpointMethod(Config &config, const std::string &folder) {
  std::optional<Config> quantization = config.object("quantization_config");
  if (!config.status())
    return config.status();
  std::error_code ignored;
  if (!quantization) {
    for (const OlderFile &file : olderFiles) {
      std::string path = folder + "/" + file.name;
      if (std::filesystem::exists(path, ignored))
        return readOlderFile(file, path);
    }
    return std::unique_ptr<CheckpointMethod>();
  }
  std::string name = quantization->string("quant_method", "");
  std::string known;
  for (const Method &method : methods) {
    if (name == method.name)
      return run(method.read, *quantization);
    known += (known.empty() ? "" : ", ") + inQuotes(method.name);
  }
  quantization->fail(
      "quant_method",
      "expects one of " + known + ", but got " +
          (quantization->has("quant_method") ? inQuotes(name) : "none"),
      StatusCode::Unsupported);
  return quantization->status();
}

} // namespace quern::import
