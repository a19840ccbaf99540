// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file AWQ, as AutoAWQ writes it.

#include "Methods.h"
#include "Rules.h"
#include "quern/Support/Text.h"

#include <algorithm>
#include <cctype>

namespace quern::import {

namespace {
class Awq : public CheckpointMethod {
public:
  Result<std::optional<StoredScheme>>
  schemeOf(const WeightRequest &weight) const override {
    if (!weight.find("qweight"))
      return std::optional<StoredScheme>();
    StoredScheme scheme;
    scheme.entry = entry;
    scheme.parameters.set("bits", int64_t(4));
    scheme.parameters.set("words", zeroWords(weight.cols));
    scheme.blockCols = groupSize;
    return std::optional<StoredScheme>(scheme);
  }

  std::string entry;
  int64_t groupSize = 0;

private:
  /// GEMV fills up a row of zero points to what its kernels load together.
  int64_t zeroWords(int64_t cols) const {
    int64_t group = groupSize ? groupSize : cols;
    int64_t words = (cols / group + 7) / 8;
    int64_t together = group >= 128 ? 1 : group >= 64 ? 2 : 4;
    return (words + together - 1) / together * together;
  }
};
} // namespace

std::unique_ptr<CheckpointMethod> readAwq(Config &config) {
  auto method = std::make_unique<Awq>();
  // Folders of old have a file whose members are called otherwise.
  bool isOld = config.has("w_bit");
  int64_t bits = config.integer(isOld ? "w_bit" : "bits", 1, 32);
  if (bits != 4)
    config.fail(isOld ? "w_bit" : "bits",
                "expects 4, but got " + std::to_string(bits),
                StatusCode::Unsupported);
  method->groupSize =
      readGroupSize(config, isOld ? "q_group_size" : "group_size");
  if (!config.boolean("zero_point", true))
    config.fail("zero_point", "expects true, but got false",
                StatusCode::Unsupported);
  std::string version = config.string("version", "gemm");
  std::transform(version.begin(), version.end(), version.begin(),
                 [](unsigned char c) { return char(std::tolower(c)); });
  if (version == "llm-awq")
    version = "gemv_fast"; // stores the same
  if (version != "gemm" && version != "gemv" && version != "gemv_fast")
    config.fail("version",
                "expects 'gemm', 'gemv' or 'gemv_fast', but got " +
                    inQuotes(version),
                StatusCode::Unsupported);
  if (version != "gemm" && method->groupSize != 0 && method->groupSize < 32)
    config.fail("group_size", "expects at least 32 columns for version 'gemv', "
                              "but got " +
                                  std::to_string(method->groupSize));
  method->entry = "awq_" + version;
  return method;
}

} // namespace quern::import
