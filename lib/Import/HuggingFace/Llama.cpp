// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Llama 2 and 3, and the many models that follow them.

#include "Families.h"

void quern::import::describeLlama(Config &config, Architecture &architecture) {
  readDecoder(config, {/*context=*/2048}, architecture);
  readRope(config, architecture);
  architecture.qkvBias = config.boolean("attention_bias", false);
  architecture.outputBias = architecture.qkvBias;
  architecture.mlpBias = config.boolean("mlp_bias", false);
}
