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

void describeGemma2(Config &config, Architecture &architecture);
void describeGemma3(Config &config, Architecture &architecture);
void describeGpt2(Config &config, Architecture &architecture);
void describeGptNeoX(Config &config, Architecture &architecture);
void describeLlama(Config &config, Architecture &architecture);
void describeMistral(Config &config, Architecture &architecture);
void describeMixtral(Config &config, Architecture &architecture);
void describePhi3(Config &config, Architecture &architecture);
void describeQwen2(Config &config, Architecture &architecture);
void describeQwen3(Config &config, Architecture &architecture);
void describeQwen3Moe(Config &config, Architecture &architecture);

/// What a family calls its extents.
struct DecoderKeys {
  const char *context = "max_position_embeddings";
  const char *hidden = "hidden_size";
  const char *layers = "num_hidden_layers";
  const char *heads = "num_attention_heads";
  const char *intermediate = "intermediate_size";
  const char *eps = "rms_norm_eps";
  const char *activation = "hidden_act";
  const char *kvHeads = "num_key_value_heads"; ///< null: as many as heads
};

/// What a family assumes where its configuration is silent.
struct DecoderDefaults {
  int64_t context;
  int64_t kvHeads = 0; ///< 0: as many as heads
  int64_t headDim = 0; ///< 0: hidden / heads
  const char *activation = "silu";
  bool tiedEmbedding = false;
  double eps = 1e-6;
  int64_t intermediateToHidden = 0; ///< 0: intermediate must be said
};

/// Reads what all families share: extents, norm, activation, tying.
void readDecoder(Config &config, const DecoderDefaults &defaults,
                 Architecture &architecture, const DecoderKeys &keys = {});

/// Reads how many experts of `countKey` a token chooses, at most all of them.
/// `architecture` has them in every layer then.
void readExperts(Config &config, const char *countKey, int64_t count,
                 int64_t perToken, Architecture &architecture);

/// Reads which layers attend to a sliding window, as Qwen2 and Qwen3 say it.
void readWindowedLayers(Config &config, Architecture &architecture);

/// One truth value a layer, whether it attends to the window only: as
/// `layer_types` says, or `silent` where there is none. Without `usesWindow`, a
/// layer with a window is an error.
std::vector<bool> readLayerTypes(Config &config,
                                 const std::vector<bool> &silent,
                                 bool usesWindow);

/// What a family calls the numbers of its rotary positions, and assumes where
/// its configuration is silent.
struct RopeDefaults {
  double base = 10000;
  double share = 1; ///< of a head's columns that turn
  const char *baseKey = "rope_theta";
  const char *shareKey = "partial_rotary_factor";
};

/// Reads base, share and scaling of the rotary positions, after the extents.
void readRope(Config &config, Architecture &architecture,
              const RopeDefaults &defaults = {});

/// Reads rotary positions for layers that attend to everything, and others for
/// layers with a window.
void readRopes(Config &config, Architecture &architecture);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_HUGGINGFACE_FAMILIES_H
