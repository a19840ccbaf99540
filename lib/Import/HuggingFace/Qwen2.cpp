// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Qwen2 and Qwen2.5: Llama with biases on query, key and value.

#include "Families.h"

void quern::import::describeQwen2(Config &config, Architecture &architecture) {
  readDecoder(config, {/*context=*/32768, /*kvHeads=*/32}, architecture);
  readRope(config, architecture);
  architecture.qkvBias = true;
  readWindowedLayers(config, architecture);
}
