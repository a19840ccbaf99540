// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file torchao: `__metadata__` says of each tensor of the model which class it
// has, that class's attributes, and in which tensors of the file its data are.

#include "../../Limits.h"
#include "Methods.h"
#include "quern/Support/Text.h"
#include "quern/Weights/SafetensorsNotes.h"

#include <algorithm>

namespace quern::import {

using weights::SafetensorsNote;

/// Before the names of entries of share/checkpoints.txt.
static const std::string entryPrefix = "torchao/";

/// What the class of a tensor that is none of torchao's is called.
static constexpr const char *plainClass = "Tensor";

static std::string whereOf(const SafetensorsNote &note) {
  return *note.file + ": __metadata__: " + inQuotes(note.key);
}

static Result<Config> parse(const SafetensorsNote &note) {
  const auto *bytes = reinterpret_cast<const uint8_t *>(note.text.data());
  return Config::parse({bytes, note.text.size()}, whereOf(note));
}

/// Fails for a class that share/checkpoints.txt does not have: what tensors
/// mean is said by a program then, which is not run.
static void checkClass(Config &note, const std::string &name) {
  std::string known = inQuotes(plainClass), last;
  for (const weights::CheckpointEntry &entry : weights::checkpointEntries()) {
    if (entry.name.rfind(entryPrefix, 0) != 0 || entry.name == last)
      continue;
    last = entry.name;
    known += ", " + inQuotes(last.substr(entryPrefix.size()));
    if (last.substr(entryPrefix.size()) == name)
      return;
  }
  if (name != plainClass)
    note.fail("_type",
              "expects one of " + known + ", but got " + inQuotes(name),
              StatusCode::Unsupported);
}

/// What data `data` of tensor `name`, such as `x.weight`, is called.
static std::string dataName(const std::string &name, const std::string &data) {
  size_t dot = name.rfind('.');
  size_t begin = dot == std::string::npos ? 0 : dot + 1;
  return name.substr(0, begin) + "_" + name.substr(begin) + "_" + data;
}

namespace {
class TorchAo : public CheckpointMethod {
public:
  Status open(const weights::WeightSource &source) override;
  Result<std::optional<StoredScheme>>
  schemeOf(const WeightRequest &weight) const override;

private:
  const SafetensorsNote *find(const std::string &key) const;
  Status checkTensor(const SafetensorsNote &names, const std::string &name,
                     const weights::WeightSource &source) const;
  Status checkNames(const SafetensorsNote &names,
                    const weights::WeightSource &source) const;

  std::vector<SafetensorsNote> notes; ///< sorted by key
};
} // namespace

const SafetensorsNote *TorchAo::find(const std::string &key) const {
  auto found =
      std::lower_bound(notes.begin(), notes.end(), key,
                       [](const SafetensorsNote &note, const std::string &k) {
                         return note.key < k;
                       });
  return found != notes.end() && found->key == key ? &*found : nullptr;
}

/// Everything that a tensor is made of is there.
Status TorchAo::checkTensor(const SafetensorsNote &names,
                            const std::string &name,
                            const weights::WeightSource &source) const {
  auto absent = [&](const std::string &what) {
    return Status::error(StatusCode::InvalidFile,
                         whereOf(names) + ": expects " + what + " for tensor " +
                             inQuotes(name) + ", but there is none");
  };
  const SafetensorsNote *note = find(name);
  if (!note)
    return absent("a member of __metadata__");
  Result<Config> config = parse(*note);
  if (!config)
    return config.status();
  std::string type = config->string("_type", "");
  checkClass(*config, type);
  std::vector<std::string> data = config->strings("_tensor_data_names");
  if (!config->status())
    return config->status();
  if (type == plainClass)
    return source.find(name) ? Status::ok() : absent("data");
  for (const std::string &one : data)
    if (!source.find(dataName(name, one)))
      return absent(inQuotes(dataName(name, one)));
  return Status::ok();
}

Status TorchAo::checkNames(const SafetensorsNote &names,
                           const weights::WeightSource &source) const {
  const std::string text = "{\"names\": " + names.text + "}";
  const auto *bytes = reinterpret_cast<const uint8_t *>(text.data());
  Result<Config> config = Config::parse({bytes, text.size()}, whereOf(names));
  if (!config)
    return config.status();
  std::vector<std::string> list = config->strings("names");
  if (!config->status())
    return config->status();
  for (const std::string &name : list)
    if (Status status = checkTensor(names, name, source); !status)
      return status;
  return Status::ok();
}

Status TorchAo::open(const weights::WeightSource &source) {
  Result<std::vector<SafetensorsNote>> found =
      weights::readSafetensorsNotes(source);
  if (!found)
    return found.status();
  notes = std::move(*found);
  bool isNamed = false;
  for (const SafetensorsNote &note : notes) {
    if (note.key != "tensor_names")
      continue;
    isNamed = true;
    if (Status status = checkNames(note, source); !status)
      return status;
  }
  if (isNamed)
    return Status::ok();
  return Status::error(StatusCode::Unsupported,
                       source.path() +
                           ": expects 'tensor_names' in __metadata__, as "
                           "torchao's flatten_tensor_state_dict writes it, but "
                           "there is none");
}

/// Rows and columns that share a scale; 0 for a whole axis.
static void readBlock(Config &data, const WeightRequest &weight,
                      StoredScheme &scheme) {
  std::vector<int64_t> extents = data.integers("block_size", 1, widthLimit);
  if (extents.size() != 2)
    return data.fail("block_size", "expects two integers, but got " +
                                       std::to_string(extents.size()));
  scheme.blockRows = extents[0] == weight.rows ? 0 : extents[0];
  scheme.blockCols = extents[1] == weight.cols ? 0 : extents[1];
  if (weight.rows == 1)
    scheme.blockRows = 1;
}

/// Classes of microscaling say one number, and what numbers are shared by it.
static void readMicroscaling(Config &data, const WeightRequest &weight,
                             StoredScheme &scheme) {
  scheme.blockCols = data.positive("block_size", widthLimit);
  weights::CheckpointParameters &parameters = scheme.parameters;
  parameters.set("swizzled",
                 int64_t(data.boolean("is_swizzled_scales", false)));
  parameters.set("tensor_scale",
                 int64_t(weight.find("_weight_per_tensor_scale") != nullptr));
  if (std::optional<Config> type = data.object("elem_dtype")) {
    parameters.set("elements", type->string("_data", ""));
    data.adopt(*type);
  }
}

Result<std::optional<StoredScheme>>
TorchAo::schemeOf(const WeightRequest &weight) const {
  const SafetensorsNote *note = find(weight.name);
  if (!note)
    return std::optional<StoredScheme>();
  Result<Config> config = parse(*note);
  if (!config)
    return config.status();
  std::string type = config->string("_type", "");
  checkClass(*config, type);
  std::optional<Config> data = config->object("_data");
  if (!config->status())
    return config->status();
  if (type == plainClass)
    return std::optional<StoredScheme>();
  if (!data) {
    config->fail("_data", "expects an object, but there is none");
    return config->status();
  }
  if (const weights::TensorInfo *factors = weight.find("_weight_act_pre_scale"))
    return weights::inTensor(
        *factors,
        Status::error(StatusCode::Unsupported,
                      "expects no factors of activations, but got some"));
  StoredScheme scheme;
  scheme.entry = entryPrefix + type;
  bool isMicroscaled = type == "MXTensor" || type == "NVFP4Tensor";
  if (isMicroscaled)
    readMicroscaling(*data, weight, scheme);
  else
    readBlock(*data, weight, scheme);
  if (!data->status())
    return data->status();
  return std::optional<StoredScheme>(scheme);
}

std::unique_ptr<CheckpointMethod> readTorchAo(Config &) {
  return std::make_unique<TorchAo>();
}

} // namespace quern::import
