// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file bitsandbytes: codebooks of 4 bits, with nested scales or not, and
// LLM.int8().

#include "Methods.h"
#include "quern/Numerics/Format.h"
#include "quern/Support/Text.h"

#include <algorithm>

namespace quern::import {

using weights::TensorInfo;

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

/// The numbers of a tensor of `count` F32 beside a weight.
static Result<std::vector<float>> readTable(const WeightRequest &weight,
                                            const std::string &suffix,
                                            int64_t count) {
  Result<const TensorInfo *> tensor =
      weight.source.get(weight.name + "." + suffix);
  if (!tensor)
    return tensor.status();
  if ((*tensor)->shape != std::vector<int64_t>{count})
    return weights::inTensor(
        **tensor,
        invalid("expects shape " + shapeText(std::vector<int64_t>{count}) +
                ", but got " + shapeText((*tensor)->shape)));
  std::vector<float> values(static_cast<size_t>(count));
  Status status =
      weights::readRowsAsFloat(weight.source, (*tensor)->name, 0, 1, values);
  if (!status)
    return status;
  return values;
}

static std::string tableText(const std::vector<float> &values) {
  std::string text;
  for (float value : values)
    text += (text.empty() ? "[" : ", ") + realText(value);
  return text + "]";
}

/// The kernels of bitsandbytes have a table of their own, whatever is stored.
static Status checkTable(const WeightRequest &weight, const std::string &kind) {
  const numerics::Codebook *known =
      numerics::FormatRegistry::builtin().lookupCodebook(kind);
  if (!known || known->values.size() != 16)
    return Status::error(StatusCode::Unsupported,
                         weight.source.path() + ": weight " +
                             inQuotes(weight.name) +
                             ": expects a table of 16 numbers that is known, "
                             "but got " +
                             inQuotes(kind));
  if (!weight.source.find(weight.name + ".quant_map"))
    return Status::ok();
  Result<std::vector<float>> stored = readTable(weight, "quant_map", 16);
  if (!stored)
    return stored.status();
  if (known->values == *stored)
    return Status::ok();
  return weights::inTensor(
      *weight.source.find(weight.name + ".quant_map"),
      Status::error(StatusCode::Unsupported, "expects the table of " +
                                                 inQuotes(kind) +
                                                 ", but got others"));
}

/// Reads the fields of quant_state that a nested weight has.
static Status readNested(const WeightRequest &weight, Config &state,
                         StoredScheme &scheme) {
  int64_t size = state.integer("nested_blocksize", 1, 1 << 20, 256);
  std::string type = state.string("nested_dtype", "float32");
  if (type != "float32")
    state.fail("nested_dtype", "expects 'float32', but got " + inQuotes(type),
               StatusCode::Unsupported);
  constexpr double largest = 3e38;
  scheme.constants["nested_offset"] =
      double(float(state.real("nested_offset", -largest, largest)));
  scheme.parameters.set("nested_size", size);
  if (!state.status())
    return state.status();
  Result<std::vector<float>> table = readTable(weight, "nested_quant_map", 256);
  if (!table)
    return table.status();
  scheme.parameters.set("map", tableText(*table));
  return Status::ok();
}

static Result<StoredScheme> readState(const WeightRequest &weight,
                                      const TensorInfo &tensor,
                                      const std::string &kind) {
  Result<Config> state = Config::parse(
      tensor.bytes, *tensor.file + ": tensor " + inQuotes(tensor.name));
  if (!state)
    return state.status();
  StoredScheme scheme;
  scheme.entry = "bnb_4bit";
  if (std::string found = state->string("quant_type", ""); found != kind)
    state->fail("quant_type",
                "expects " + inQuotes(kind) + ", but got " + inQuotes(found));
  int64_t block = state->integer("blocksize", 32, 4096);
  if (block & (block - 1))
    state->fail("blocksize",
                "expects a power of two from 32 to 4096, but got " +
                    std::to_string(block));
  std::string dtype = state->string("dtype", "");
  if (dtype != "float32" && dtype != "float16" && dtype != "bfloat16")
    state->fail("dtype",
                "expects 'float32', 'float16' or 'bfloat16', but got " +
                    inQuotes(dtype));
  std::vector<int64_t> shape = state->integers("shape", 1, int64_t(1) << 40);
  if (shape != std::vector<int64_t>{weight.rows, weight.cols})
    state->fail("shape",
                "expects " +
                    shapeText(std::vector<int64_t>{weight.rows, weight.cols}) +
                    ", but got " + shapeText(shape));
  if (!state->status())
    return state->status();
  bool isNested = state->has("nested_offset") ||
                  weight.source.find(weight.name + ".nested_absmax");
  scheme.parameters.setShape(weight.rows, weight.cols, 1, block);
  scheme.parameters.set("block", "[1, " + std::to_string(block) + "]");
  scheme.parameters.set("block_size", block);
  scheme.parameters.set("kind", kind);
  scheme.parameters.set("nested", int64_t(isNested));
  Status status = checkTable(weight, kind);
  if (status && isNested)
    status = readNested(weight, *state, scheme);
  if (!status)
    return status;
  return scheme;
}

/// The first tensor whose name begins so; null if there is none.
static const TensorInfo *findByPrefix(const weights::WeightSource &source,
                                      const std::string &prefix) {
  Span<const TensorInfo> all = source.tensors();
  const TensorInfo *found =
      std::lower_bound(all.begin(), all.end(), prefix,
                       [](const TensorInfo &tensor, const std::string &name) {
                         return tensor.name < name;
                       });
  bool isThere = found != all.end() && found->name.rfind(prefix, 0) == 0;
  return isThere ? found : nullptr;
}

namespace {
class BitsAndBytes : public CheckpointMethod {
public:
  Result<std::optional<StoredScheme>>
  schemeOf(const WeightRequest &weight) const override {
    const std::string prefix = weight.name + ".quant_state.bitsandbytes__";
    if (const TensorInfo *state = findByPrefix(weight.source, prefix)) {
      Result<StoredScheme> scheme =
          readState(weight, *state, state->name.substr(prefix.size()));
      if (!scheme)
        return scheme.status();
      return std::optional<StoredScheme>(*scheme);
    }
    if (!weight.find("SCB"))
      return std::optional<StoredScheme>();
    StoredScheme scheme;
    scheme.entry = "bnb_int8";
    scheme.constants["largest"] = 127;
    return std::optional<StoredScheme>(scheme);
  }
};
} // namespace

std::unique_ptr<CheckpointMethod> readBitsAndBytes(Config &config) {
  bool isFour = config.boolean("load_in_4bit", false);
  bool isEight = config.boolean("load_in_8bit", false);
  if (isFour == isEight)
    config.fail("load_in_4bit", "expects this or load_in_8bit to be true, but "
                                "got both or neither");
  return std::make_unique<BitsAndBytes>();
}

} // namespace quern::import
