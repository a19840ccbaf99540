// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Mistral: Llama with a sliding window in every layer.

#include "Families.h"

void quern::import::describeMistral(Config &config,
                                    Architecture &architecture) {
  readDecoder(config, {/*context=*/131072, /*kvHeads=*/8}, architecture);
  readRope(config, architecture);
  // Later releases switch the window off by a null; leaving it out means 4096.
  bool isOff =
      config.mentions("sliding_window") && !config.has("sliding_window");
  if (!isOff)
    architecture.windows.assign(
        architecture.layers,
        config.positive("sliding_window", contextLimit, 4096));
}
