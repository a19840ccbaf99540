// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What GGUF files call the tensors of a model.

#ifndef QUERN_LIB_IMPORT_GGUF_GGUFNAMES_H
#define QUERN_LIB_IMPORT_GGUF_GGUFNAMES_H

#include <string>

namespace quern::import {

/// Factors of the rotary frequencies: no weight, but read with the numbers of
/// the model.
constexpr const char *ropeFactorsName = "rope_freqs.weight";

/// The name of weight `name` of the model (WeightNames.h) in a GGUF file:
/// `blk.3.attn_q.weight` of `model.layers.3.self_attn.q_proj.weight`.
std::string ggufNameOf(const std::string &name);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_GGUF_GGUFNAMES_H
