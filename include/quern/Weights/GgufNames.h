// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What GGUF files call the tensors of a model.

#ifndef QUERN_WEIGHTS_GGUFNAMES_H
#define QUERN_WEIGHTS_GGUFNAMES_H

#include <string>

namespace quern::weights {

/// Factors of the rotary frequencies: no weight, but read with the numbers of
/// the model.
constexpr const char *ropeFactorsName = "rope_freqs.weight";

/// The name of weight `name` of the model, which is Hugging Face's, in a GGUF
/// file: `blk.3.attn_q.weight` of `model.layers.3.self_attn.q_proj.weight`. A
/// name that has none comes back as it is.
std::string ggufNameOf(const std::string &name);

/// `blk.0.attn_q.scale` of `blk.0.attn_q.weight`: the name of a tensor beside a
/// weight.
std::string ggufCompanionOf(const std::string &weight, const char *suffix);

/// Whether files of `architecture` have the rows of weight `name` of the model
/// in the order in which pairs of a rotation are neighbours. In checkpoints of
/// Hugging Face they are half a head apart.
bool hasPairedRows(const std::string &architecture, const std::string &name);

} // namespace quern::weights

#endif // QUERN_WEIGHTS_GGUFNAMES_H
