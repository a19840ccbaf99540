// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Reads and checks the header of a safetensors file.

#ifndef QUERN_LIB_WEIGHTS_SAFETENSORS_HEADER_H
#define QUERN_LIB_WEIGHTS_SAFETENSORS_HEADER_H

#include "quern/Weights/WeightSource.h"

namespace quern::weights {

/// One tensor and the range of the data section that it claims.
struct HeaderEntry {
  TensorInfo tensor;
  uint64_t begin = 0;
  uint64_t end = 0;
};

/// The texts of `__metadata__`, by their keys.
using HeaderTexts = std::vector<std::pair<std::string, std::string>>;

/// Parses the JSON of a header into its entries, in file order. Each entry is
/// complete and has begin <= end; nothing relates entries to each other yet.
/// `texts` may be null: then only the keys are checked.
Result<std::vector<HeaderEntry>> parseHeader(Span<const uint8_t> json,
                                             HeaderTexts *texts = nullptr);

/// Reads a whole file: a u64 length N, N bytes of JSON, then data. The tensors
/// have distinct names and cover the data section without gap or overlap.
/// They come sorted by name, with `bytes` pointing into `file` and `file`
/// unset. Messages do not name the file. `texts` as above.
Result<std::vector<TensorInfo>> readSafetensors(Span<const uint8_t> file,
                                                HeaderTexts *texts = nullptr);

} // namespace quern::weights

#endif // QUERN_LIB_WEIGHTS_SAFETENSORS_HEADER_H
