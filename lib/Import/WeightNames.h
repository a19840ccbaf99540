// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which tensors an architecture has, and their names in Hugging Face
// checkpoints.

#ifndef QUERN_LIB_IMPORT_WEIGHTNAMES_H
#define QUERN_LIB_IMPORT_WEIGHTNAMES_H

#include "Architecture.h"

#include <functional>
#include <string>
#include <vector>

namespace quern::import {

constexpr const char *embeddingName = "model.embed_tokens.weight";
constexpr const char *finalNormName = "model.norm.weight";
constexpr const char *outputName = "lm_head.weight";
/// Of a layer with postNorms.
constexpr const char *attentionPostNorm = "post_attention_layernorm.weight";
constexpr const char *feedForwardPostNorm = "post_feedforward_layernorm.weight";
/// The norm before a layer's feed-forward part: with postNorms, the name that
/// it has elsewhere is that of the norm behind attention.
const char *feedForwardNorm(const Architecture &architecture);

/// The name of a tensor of one layer: `model.layers.3.` and `suffix`.
std::string layerTensor(int64_t layer, const std::string &suffix);

/// Calls `visit` with the name and shape of every tensor of the model, in the
/// order of their use, until `visit` returns false.
void forEachTensor(
    const Architecture &architecture,
    const std::function<bool(const std::string &name,
                             const std::vector<int64_t> &shape)> &visit);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_WEIGHTNAMES_H
