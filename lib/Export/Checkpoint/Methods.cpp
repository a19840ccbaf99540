// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What configurations say of each method: `quantization_config`.

#include "Methods.h"

#include "quern/Support/Text.h"

using namespace quern;
using namespace quern::exporter;
using llvm::json::Array;
using llvm::json::Object;

/// Of whole rows, as configurations write it.
static int64_t groupSize(const numerics::Format &format) {
  return format.block.cols ? format.block.cols : -1;
}

/// Fails unless all weights have one format, which the method says once.
static Status checkAlike(const std::vector<StoredWeight> &weights) {
  for (const StoredWeight &weight : weights)
    if (!numerics::decodesAs(weight.format, weights.front().format))
      return Status::error(
          StatusCode::Unsupported,
          "expects one format for all weights that are quantized, but got " +
              numerics::printFormat(weights.front().format) + " of " +
              inQuotes(weights.front().name) + " and " +
              numerics::printFormat(weight.format) + " of " +
              inQuotes(weight.name));
  return Status::ok();
}

static Result<Object> describeGptq(const std::vector<StoredWeight> &weights,
                                   const std::vector<std::string> &plain) {
  if (Status status = checkAlike(weights); !status)
    return status;
  const numerics::Format &format = weights.front().format;
  bool hasOutput = false;
  for (const StoredWeight &weight : weights)
    hasOutput |= weight.module() == "lm_head";
  // Zero points are stored as they are, so that 0 may be one.
  Object config{{"quant_method", "gptq"},
                {"bits", int64_t(format.element.bits)},
                {"group_size", groupSize(format)},
                {"desc_act", false},
                {"sym", false},
                {"lm_head", hasOutput},
                {"checkpoint_format", "gptq_v2"},
                {"pack_dtype", "int32"}};
  Object dynamic;
  for (const std::string &module : plain)
    if (module != "lm_head")
      dynamic["-:^" + module + "$"] = Object();
  if (!dynamic.empty())
    config["dynamic"] = std::move(dynamic);
  return config;
}

static Result<Object> describeAwq(const std::vector<StoredWeight> &weights,
                                  const std::vector<std::string> &plain) {
  if (Status status = checkAlike(weights); !status)
    return status;
  return Object{{"quant_method", "awq"},
                {"bits", 4},
                {"group_size", groupSize(weights.front().format)},
                {"zero_point", true},
                {"version", "gemm"},
                {"modules_to_not_convert", Array(plain)}};
}

static Result<Object> describeFloat8(const std::vector<StoredWeight> &weights,
                                     const std::vector<std::string> &plain) {
  if (Status status = checkAlike(weights); !status)
    return status;
  const numerics::BlockShape &block = weights.front().format.block;
  Object config{{"quant_method", "fp8"},
                {"fmt", "e4m3"},
                {"activation_scheme", "dynamic"},
                {"modules_to_not_convert", Array(plain)}};
  if (block.rows || block.cols)
    config["weight_block_size"] = Array{block.rows, block.cols};
  return config;
}

static Result<Object>
describeBitsAndBytes(const std::vector<StoredWeight> &weights,
                     const std::vector<std::string> &plain) {
  if (Status status = checkAlike(weights); !status)
    return status;
  return Object{
      {"quant_method", "bitsandbytes"},
      {"load_in_4bit", true},
      {"load_in_8bit", false},
      {"bnb_4bit_quant_type", *weights.front().parameters.text("kind")},
      {"bnb_4bit_use_double_quant", false},
      {"bnb_4bit_compute_dtype", "bfloat16"},
      {"bnb_4bit_quant_storage", "uint8"},
      {"llm_int8_skip_modules", Array(plain)}};
}

/// The `format` of a weight.
static std::string formatOf(const StoredWeight &weight) {
  return weight.parameters.text("as").value_or("");
}

static Object weightArguments(const StoredWeight &weight) {
  const numerics::Format &format = weight.format;
  const numerics::BlockShape &block = format.block;
  Object arguments{
      {"num_bits", int64_t(format.element.bits)},
      {"type", format.element.isPlainInt() ? "int" : "float"},
      {"symmetric", format.offsetKind == numerics::OffsetKind::None},
      {"dynamic", false}};
  if (format.scale->isScaled())
    arguments["strategy"] = "tensor_group";
  else if (block.rows == 1)
    arguments["strategy"] = block.cols ? "group" : "channel";
  else
    arguments["strategy"] = block.rows ? "block" : "tensor";
  if (block.rows == 1 && block.cols)
    arguments["group_size"] = block.cols;
  if (block.rows > 1)
    arguments["block_structure"] = Array{block.rows, block.cols};
  return arguments;
}

static Result<Object>
describeCompressedTensors(const std::vector<StoredWeight> &weights,
                          const std::vector<std::string> &plain) {
  // Groups in the order in which they occur.
  std::vector<std::vector<const StoredWeight *>> groups;
  for (const StoredWeight &weight : weights) {
    auto group = llvm::find_if(groups, [&](const auto &other) {
      return other.front()->entry == weight.entry &&
             numerics::decodesAs(other.front()->format, weight.format);
    });
    if (group == groups.end())
      groups.push_back({&weight});
    else
      group->push_back(&weight);
  }
  Object described;
  for (size_t i = 0; i < groups.size(); ++i) {
    const StoredWeight &first = *groups[i].front();
    Array targets;
    if (groups.size() == 1)
      targets.push_back("Linear");
    else
      for (const StoredWeight *weight : groups[i])
        targets.push_back(weight->module());
    described["group_" + std::to_string(i)] =
        Object{{"targets", std::move(targets)},
               {"weights", weightArguments(first)},
               {"input_activations", nullptr},
               {"output_activations", nullptr},
               {"format", formatOf(first)}};
  }
  std::string format =
      groups.size() == 1 ? formatOf(weights.front()) : "mixed-precision";
  return Object{{"quant_method", "compressed-tensors"},
                {"format", format},
                {"quantization_status", "compressed"},
                {"config_groups", std::move(described)},
                {"ignore", Array(plain)},
                {"kv_cache_scheme", nullptr},
                {"global_compression_ratio", nullptr}};
}

Result<Object>
exporter::describeMethod(const Method &method,
                         const std::vector<StoredWeight> &weights,
                         const std::vector<std::string> &plain) {
  if (method.container == "gptq")
    return describeGptq(weights, plain);
  if (method.container == "awq")
    return describeAwq(weights, plain);
  if (method.container == "bnb")
    return describeBitsAndBytes(weights, plain);
  if (method.container == "compressed-tensors")
    return describeCompressedTensors(weights, plain);
  return describeFloat8(weights, plain);
}
