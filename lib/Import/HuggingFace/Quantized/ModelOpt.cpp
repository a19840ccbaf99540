// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file NVIDIA ModelOpt: floats of 8 and of 4 bits.

#include "Methods.h"
#include "quern/Support/Text.h"

#include <algorithm>

namespace quern::import {

/// Before the names of entries of share/checkpoints.txt, which end with what
/// `quant_algo` says.
static const std::string entryPrefix = "modelopt/";

namespace {
/// The type of a weight's codes says which of them it is.
class ModelOpt : public CheckpointMethod {
public:
  Result<std::optional<StoredScheme>>
  schemeOf(const WeightRequest &weight) const override {
    const weights::TensorInfo *tensor = weight.source.find(weight.name);
    for (const weights::CheckpointEntry &entry : weights::checkpointEntries()) {
      if (entry.name.rfind(entryPrefix, 0) != 0 || !tensor)
        continue;
      const std::vector<weights::DType> &types = entry.tensors.front().types;
      if (std::find(types.begin(), types.end(), tensor->dtype) == types.end())
        continue;
      StoredScheme scheme;
      scheme.entry = entry.name;
      return std::optional<StoredScheme>(scheme);
    }
    return std::optional<StoredScheme>();
  }
};
} // namespace

std::unique_ptr<CheckpointMethod> readModelOpt(Config &config) {
  std::string algorithm = config.string("quant_algo", "");
  std::string known = "'MIXED_PRECISION'";
  bool isKnown = algorithm == "MIXED_PRECISION";
  for (const weights::CheckpointEntry &entry : weights::checkpointEntries()) {
    if (entry.name.rfind(entryPrefix, 0) != 0)
      continue;
    std::string name = entry.name.substr(entryPrefix.size());
    known += ", " + inQuotes(name);
    isKnown |= algorithm == name;
  }
  if (!isKnown)
    config.fail("quant_algo",
                "expects one of " + known + ", but got " + inQuotes(algorithm),
                StatusCode::Unsupported);
  return std::make_unique<ModelOpt>();
}

} // namespace quern::import
