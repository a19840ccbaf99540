// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How a checkpoint names and stores the weights of a model.

#ifndef QUERN_LIB_IMPORT_CHECKPOINT_H
#define QUERN_LIB_IMPORT_CHECKPOINT_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace quern::import {

/// A stored tensor that holds several of ours, the rows of one after those of
/// another.
struct FusedTensor {
  std::string name;
  std::vector<std::string> parts; ///< our names, in the order of the rows
  /// Each part's rows are cut into so many runs; all parts' first runs come
  /// first.
  int64_t runs = 1;
};

/// What differs from checkpoints of Llama, whose names are those of our weights
/// in every family. Names are without `.weight` and `.bias` here, and those of
/// a layer's tensors without the layer.
struct Checkpoint {
  /// With what most names begin, or do not where only a part of the model was
  /// saved; empty: they always do.
  std::string prefix;
  std::string layers = "model.layers."; ///< what a layer's number stands behind
  std::map<std::string, std::string> names; ///< by ours
  std::vector<FusedTensor> fused;
  bool transposedLinears = false; ///< in layers, [columns, rows] is stored
  /// Ends of the names of tensors that follow from the configuration.
  std::vector<std::string> ignored = {".rotary_emb.inv_freq"};

  /// What it calls the tensor that is `name` with us.
  const std::string &nameOf(const std::string &name) const {
    auto found = names.find(name);
    return found == names.end() ? name : found->second;
  }
};

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_CHECKPOINT_H
