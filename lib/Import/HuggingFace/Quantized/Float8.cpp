// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file FP8 in blocks, as DeepSeek has it, and in rows, as fbgemm has it.

#include "../../Limits.h"
#include "Methods.h"
#include "quern/Support/Text.h"

namespace quern::import {

namespace {
/// Whatever is stored in FP8; other modules are plain.
class Float8 : public CheckpointMethod {
public:
  Float8(const char *entry, int64_t blockRows, int64_t blockCols)
      : entry(entry), blockRows(blockRows), blockCols(blockCols) {}

  Result<std::optional<StoredScheme>>
  schemeOf(const WeightRequest &weight) const override {
    const weights::TensorInfo *tensor = weight.source.find(weight.name);
    if (!tensor || tensor->dtype != weights::DType::F8_E4M3)
      return std::optional<StoredScheme>();
    StoredScheme scheme;
    scheme.entry = entry;
    scheme.blockRows = blockRows;
    scheme.blockCols = blockCols;
    return std::optional<StoredScheme>(scheme);
  }

private:
  const char *entry;
  int64_t blockRows, blockCols;
};
} // namespace

std::unique_ptr<CheckpointMethod> readFineGrainedFloat8(Config &config) {
  if (std::string format = config.string("fmt", "e4m3"); format != "e4m3")
    config.fail("fmt", "expects 'e4m3', but got " + inQuotes(format),
                StatusCode::Unsupported);
  std::vector<int64_t> block =
      config.integers("weight_block_size", 1, widthLimit);
  if (config.has("weight_block_size") && block.size() != 2)
    config.fail("weight_block_size", "expects two integers, but got " +
                                         std::to_string(block.size()));
  block.resize(2); // none: the whole weight
  return std::make_unique<Float8>("fp8", block[0], block[1]);
}

std::unique_ptr<CheckpointMethod> readFbgemmFloat8(Config &) {
  return std::make_unique<Float8>("fbgemm_fp8", 1, 0);
}

} // namespace quern::import
