// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What configurations say of each method: `quantization_config`.

#include "Methods.h"

#include "quern/Support/Text.h"

#include "llvm/ADT/STLExtras.h"

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
  const StoredWeight &first = weights.front();
  auto describe = [](const StoredWeight &weight) {
    return numerics::printFormat(weight.format) + " of " +
           inQuotes(weight.name);
  };
  for (const StoredWeight &weight : weights)
    if (weight.variant != first.variant ||
        !numerics::decodesAs(weight.format, first.format))
      return Status::error(
          StatusCode::Unsupported,
          "expects one format for all weights that are quantized, but got " +
              describe(first) + " and " + describe(weight) +
              "; give one of them that of the other, or numbers (bf16), by "
              "--rule, or write compressed-tensors, which holds several");
  return Status::ok();
}

static bool isSymmetric(const StoredWeight &weight) {
  return weight.format.offsetKind == numerics::OffsetKind::None;
}

static Result<Object> describeGptq(const std::vector<StoredWeight> &weights,
                                   const std::vector<std::string> &plain) {
  const StoredWeight &first = weights.front();
  bool hasOutput = llvm::any_of(weights, [](const StoredWeight &weight) {
    return weight.module() == "lm_head";
  });
  bool storesLess = *first.parameters.number("less") != 0;
  Object config{{"quant_method", "gptq"},
                {"bits", int64_t(first.format.element.bits)},
                {"group_size", groupSize(first.format)},
                {"desc_act", false},
                {"sym", isSymmetric(first)},
                {"lm_head", hasOutput},
                {"checkpoint_format", storesLess ? "gptq" : "gptq_v2"},
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
  return Object{{"quant_method", "awq"},
                {"bits", 4},
                {"group_size", groupSize(weights.front().format)},
                {"zero_point", true},
                {"version", "gemm"},
                {"modules_to_not_convert", Array(plain)}};
}

static Result<Object> describeFloat8(const std::vector<StoredWeight> &weights,
                                     const std::vector<std::string> &plain) {
  const numerics::BlockShape &block = weights.front().format.block;
  return Object{{"quant_method", "fp8"},
                {"fmt", "e4m3"},
                {"activation_scheme", "dynamic"},
                {"weight_block_size", Array{block.rows, block.cols}},
                {"modules_to_not_convert", Array(plain)}};
}

static Result<Object>
describeBitsAndBytes(const std::vector<StoredWeight> &weights,
                     const std::vector<std::string> &plain) {
  const weights::CheckpointParameters &first = weights.front().parameters;
  return Object{{"quant_method", "bitsandbytes"},
                {"load_in_4bit", true},
                {"load_in_8bit", false},
                {"bnb_4bit_quant_type", *first.text("kind")},
                {"bnb_4bit_use_double_quant", *first.number("nested") != 0},
                {"bnb_4bit_compute_dtype", "bfloat16"},
                {"bnb_4bit_quant_storage", "uint8"},
                {"llm_int8_skip_modules", Array(plain)}};
}

static Object weightArguments(const StoredWeight &weight) {
  const numerics::Format &format = weight.format;
  std::string strategy = *weight.parameters.text("strategy");
  Object arguments{{"num_bits", int64_t(format.element.bits)},
                   {"type", *weight.parameters.text("type")},
                   {"symmetric", isSymmetric(weight)},
                   {"strategy", strategy},
                   {"dynamic", false}};
  if (strategy == "group" || strategy == "tensor_group")
    arguments["group_size"] = format.block.cols;
  if (strategy == "block")
    arguments["block_structure"] = Array{format.block.rows, format.block.cols};
  // Exponents alone are stored as integers.
  const numerics::Element &scale = format.scale->element;
  if (scale.kind == numerics::ElementKind::Float &&
      scale.floatType->mantissaBits == 0)
    arguments["scale_dtype"] = "torch.uint8";
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
               {"format", first.variant}};
  }
  std::string format =
      groups.size() == 1 ? weights.front().variant : "mixed-precision";
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
  if (method.container == "compressed-tensors")
    return describeCompressedTensors(weights, plain);
  if (Status status = checkAlike(weights); !status)
    return status;
  if (method.container == "gptq")
    return describeGptq(weights, plain);
  if (method.container == "awq")
    return describeAwq(weights, plain);
  if (method.container == "bnb")
    return describeBitsAndBytes(weights, plain);
  return describeFloat8(weights, plain);
}
