// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The texts that safetensors files keep in `__metadata__`, for those who
// need them.

#ifndef QUERN_WEIGHTS_SAFETENSORSNOTES_H
#define QUERN_WEIGHTS_SAFETENSORSNOTES_H

#include "quern/Weights/WeightSource.h"

namespace quern::weights {

/// One text, and where it is.
struct SafetensorsNote {
  std::string key;
  std::string text;
  const std::string *file = nullptr; ///< of `source`
};

/// All that the files of `source`, which are safetensors, say, sorted by key;
/// of several files the same key may come several times.
Result<std::vector<SafetensorsNote>>
readSafetensorsNotes(const WeightSource &source);

} // namespace quern::weights

#endif // QUERN_WEIGHTS_SAFETENSORSNOTES_H
