// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The architectures of GGUF files that can be imported.

#include "Families.h"

#include "quern/Support/Text.h"

namespace quern::import {

static void describeQwen2(GgufModel &model, Architecture &a) {
  readGgufDecoder(model, a);
  a.qkvBias = true;
}

static void describeQwen3(GgufModel &model, Architecture &a) {
  readGgufDecoder(model, a);
  a.queryKeyNorm = true;
}

static constexpr GgufFamily families[] = {
    {"llama", readGgufDecoder},
    {"qwen2", describeQwen2},
    {"qwen3", describeQwen3},
};

Result<const GgufFamily *> findGgufFamily(const std::string &name) {
  std::string known;
  for (size_t i = 0; i < std::size(families); ++i) {
    if (name == families[i].name)
      return &families[i];
    const char *separator = i + 1 < std::size(families) ? ", " : " or ";
    known += (i ? separator : "") + inQuotes(families[i].name);
  }
  return Status::error(StatusCode::Unsupported,
                       "expects " + known + ", but got " + inQuotes(name));
}

} // namespace quern::import
