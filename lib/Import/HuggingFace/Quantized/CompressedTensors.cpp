// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file compressed-tensors, as LLM Compressor writes it.

#include "../../Limits.h"
#include "Methods.h"
#include "Rules.h"
#include "quern/Support/Text.h"

#include <algorithm>

namespace quern::import {

/// Before the names of entries of share/checkpoints.txt.
static const std::string entryPrefix = "compressed-tensors/";

namespace {
/// What one of `config_groups` says of weights.
struct Group {
  std::string name;
  ModuleRules targets;
  bool hasWeights = false; ///< else only activations are quantized
  std::string format;
  std::string type;
  std::string strategy;
  int64_t bits = 8;
  bool isSymmetric = true;
  int64_t blockRows = 1, blockCols = 0;
};

class CompressedTensors : public CheckpointMethod {
public:
  Result<std::optional<StoredScheme>>
  schemeOf(const WeightRequest &weight) const override {
    const Group *group = groupOf(weight.module());
    if (!group || !group->hasWeights)
      return std::optional<StoredScheme>();
    StoredScheme scheme;
    scheme.entry = entryPrefix + group->format;
    scheme.blockRows = group->blockRows;
    scheme.blockCols = group->blockCols;
    weights::CheckpointParameters &parameters = scheme.parameters;
    parameters.set("type", group->type);
    parameters.set("bits", group->bits);
    parameters.set("symmetric", int64_t(group->isSymmetric));
    parameters.set("padded", int64_t(isPadded(*group, weight)));
    return std::optional<StoredScheme>(scheme);
  }

  Status checkRules(const std::vector<std::string> &modules) const override {
    for (const Group &group : groups)
      if (group.hasWeights && std::none_of(modules.begin(), modules.end(),
                                           [&](const std::string &module) {
                                             return group.targets.rank(module) >
                                                    0;
                                           }))
        return noModule("config_groups." + group.name + ".targets",
                        group.targets.text());
    return Status::ok();
  }
  bool isOfWeights() const override {
    return std::any_of(groups.begin(), groups.end(),
                       [](const Group &group) { return group.hasWeights; });
  }

  ModuleRules ignored;
  std::vector<Group> groups;

private:
  /// The group that names the module most closely, of equal ones the first.
  const Group *groupOf(const std::string &module) const {
    const Group *found = nullptr;
    int best = 0;
    if (ignored.rank(module))
      return nullptr;
    for (const Group &group : groups)
      if (int rank = group.targets.rank(module); rank > best) {
        best = rank;
        found = &group;
      }
    return found;
  }

  /// Before version 0.17, words held whole codes, so that rows of codes of 3,
  /// 5, 6 or 7 bits were longer.
  static bool isPadded(const Group &group, const WeightRequest &weight) {
    const weights::TensorInfo *packed = weight.find("weight_packed");
    int64_t fields = 32 / group.bits;
    int64_t words = (weight.cols + fields - 1) / fields;
    return packed && packed->columns() == words &&
           words != (weight.cols * group.bits + 31) / 32;
  }
};
} // namespace

static void expectOneOf(Config &config, const std::string &key,
                        const std::string &value,
                        const std::vector<std::string> &known) {
  std::string list;
  for (const std::string &one : known) {
    if (value == one)
      return;
    list += (list.empty() ? "" : ", ") + inQuotes(one);
  }
  config.fail(key, "expects one of " + list + ", but got " + inQuotes(value),
              StatusCode::Unsupported);
}

/// What is not known might change what numbers mean.
static void expectKnownKeys(Config &config,
                            std::initializer_list<const char *> known) {
  for (const std::string &key : config.keys())
    if (std::none_of(known.begin(), known.end(),
                     [&](const char *one) { return key == one; }))
      config.fail(key,
                  "expects arguments of quantization that are known, but "
                  "got another",
                  StatusCode::Unsupported);
}

/// Sets blocks by `strategy`.
static void readStrategy(Config &weights, Group &group) {
  group.strategy = weights.string(
      "strategy", weights.has("group_size") ? "group" : "tensor");
  expectOneOf(weights, "strategy", group.strategy,
              {"tensor", "channel", "group", "tensor_group", "block"});
  if (group.strategy == "tensor")
    group.blockRows = 0;
  if (group.strategy == "group" || group.strategy == "tensor_group")
    group.blockCols = readGroupSize(weights, "group_size");
  if (group.strategy == "block") {
    std::vector<int64_t> extents =
        weights.integers("block_structure", 1, widthLimit);
    if (extents.size() != 2)
      return weights.fail("block_structure",
                          "expects two integers, but got " +
                              std::to_string(extents.size()));
    group.blockRows = extents[0];
    group.blockCols = extents[1];
  }
}

static void readWeights(Config &weights, Group &group) {
  expectKnownKeys(weights,
                  {"num_bits", "type", "symmetric", "strategy", "group_size",
                   "block_structure", "dynamic", "actorder", "scale_dtype",
                   "zp_dtype", "observer", "observer_kwargs"});
  group.hasWeights = true;
  group.bits = weights.integer("num_bits", 2, 8, 8);
  group.type = weights.string("type", "int");
  group.isSymmetric = weights.boolean("symmetric", true);
  readStrategy(weights, group);
  if (group.format == "naive-quantized") // either, as the type says
    group.format = group.type + "-quantized";
  if (!group.isSymmetric && group.strategy == "tensor")
    weights.fail("symmetric",
                 "expects true for strategy 'tensor', but got "
                 "false",
                 StatusCode::Unsupported);
}

/// Those of share/checkpoints.txt, and what they are called besides.
static std::vector<std::string> knownFormats() {
  std::vector<std::string> known = {"dense", "naive-quantized"};
  for (const weights::CheckpointEntry &entry : weights::checkpointEntries())
    if (entry.name.rfind(entryPrefix, 0) == 0) {
      std::string name = entry.name.substr(entryPrefix.size());
      if (name != known.back())
        known.push_back(name);
    }
  return known;
}

static Group readGroup(Config &config, const std::string &format) {
  Group group;
  expectKnownKeys(config, {"targets", "weights", "input_activations",
                           "output_activations", "format"});
  group.targets = ModuleRules::read(config, "targets");
  group.format = config.string("format", format);
  expectOneOf(config, "format", group.format, knownFormats());
  std::optional<Config> weights = config.object("weights");
  if (weights && group.format != "dense") {
    readWeights(*weights, group);
    config.adopt(*weights);
  }
  return group;
}

std::unique_ptr<CheckpointMethod> readCompressedTensors(Config &config) {
  auto method = std::make_unique<CompressedTensors>();
  for (const char *key : {"transform_config", "sparsity_config"}) {
    std::optional<Config> object = config.object(key);
    bool isEmpty = !object || object->keys().empty() ||
                   object->string("format", "") == "dense";
    if (!isEmpty)
      config.fail(key, "expects none, but got one", StatusCode::Unsupported);
  }
  std::string status = config.string("quantization_status", "compressed");
  expectOneOf(config, "quantization_status", status, {"compressed", "frozen"});
  method->ignored = ModuleRules::read(config, "ignore");
  std::string format = config.string("format", "dense");
  std::optional<Config> groups = config.object("config_groups");
  if (!groups)
    return method;
  for (const std::string &key : groups->keys()) {
    std::optional<Config> group = groups->object(key);
    if (!group)
      continue;
    method->groups.push_back(readGroup(*group, format));
    method->groups.back().name = key;
    groups->adopt(*group);
  }
  config.adopt(*groups);
  return method;
}

} // namespace quern::import
