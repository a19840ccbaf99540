// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Qwen3: Llama with a norm on each query and key head, and a head width
// of its own.

#include "Families.h"

void quern::import::describeQwen3(Config &config, Architecture &architecture) {
  readDecoder(config, {/*context=*/32768, /*kvHeads=*/32, /*headDim=*/128},
              architecture);
  readRope(config, architecture);
  architecture.queryKeyNorm = true;
  architecture.qkvBias = config.boolean("attention_bias", false);
  architecture.outputBias = architecture.qkvBias;
  readWindowedLayers(config, architecture);
}
