// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The model families that can be imported, one small file each.
//
// Defaults of members that a configuration leaves out are those of the
// configuration classes of the transformers library.

#ifndef QUERN_LIB_IMPORT_HUGGINGFACE_FAMILIES_H
#define QUERN_LIB_IMPORT_HUGGINGFACE_FAMILIES_H

#include "../Architecture.h"
#include "../Limits.h"
#include "Config.h"

namespace quern::import {

void describeLlama(Config &config, Architecture &architecture);
void describeMistral(Config &config, Architecture &architecture);
void describeQwen2(Config &config, Architecture &architecture);
void describeQwen3(Config &config, Architecture &architecture);

/// What a family assumes where its configuration is silent.
struct DecoderDefaults {
  int64_t context;
  int64_t kvHeads = 0; ///< 0: as many as heads
  int64_t headDim = 0; ///< 0: hidden / heads
};

/// Reads what all families share: extents, norm, activation, tying, rope.
void readDecoder(Config &config, const DecoderDefaults &defaults,
                 Architecture &architecture);

/// Reads which layers attend to a sliding window, as Qwen2 and Qwen3 say it.
void readWindowedLayers(Config &config, Architecture &architecture);

/// Reads base and scaling of the rotary positions of heads: the angle a
/// position adds to each pair of columns. The width of heads must be known.
void readRope(Config &config, Architecture &architecture);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_FAMILIES_H
