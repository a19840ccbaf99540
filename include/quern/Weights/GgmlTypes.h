// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The element types of GGUF files, as share/ggml-types.txt lists them.

#ifndef QUERN_WEIGHTS_GGMLTYPES_H
#define QUERN_WEIGHTS_GGMLTYPES_H

#include "quern/Weights/WeightSource.h"

namespace quern::weights {

/// A type that a tensor in a file may have. Elements are stored in blocks along
/// a row; a plain type has blocks of one.
struct GgmlType {
  uint32_t id = 0;
  std::string name;         ///< ggml's
  std::string encoding;     ///< as TensorInfo says it; empty: plain
  DType dtype = DType::U8;  ///< of plain elements
  int64_t blockColumns = 1; ///< elements
  int64_t blockBytes = 0;
};

/// The type of number `id`. Fails for numbers that were never given or have
/// been taken back, and for types that only activations have in memory.
Result<const GgmlType *> ggmlTypeOf(uint32_t id);

/// All of them, by number.
Span<const GgmlType> ggmlTypes();

/// The type that ggml calls `name`, or null.
const GgmlType *findGgmlType(const std::string &name);

} // namespace quern::weights

#endif // QUERN_WEIGHTS_GGMLTYPES_H
