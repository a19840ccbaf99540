// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Reads and checks GGUF files, version 2 and 3.
//
//   "GGUF" | u32 version | i64 tensors | i64 values          header
//   string key | i32 type | value                            each value
//   string name | u32 rank | i64 extents | i32 type | u64 offset  each tensor
//   zeros up to a multiple of the alignment
//   data: each tensor, then zeros up to a multiple of the alignment
//
// Numbers are little endian; a string is a u64 length and its bytes; an array
// is i32 type | u64 length | elements. The first extent is the contiguous one.
// Source: ggml, docs/gguf.md and src/gguf.cpp; where ggml accepts what the
// specification excludes, this reader does not.

#ifndef QUERN_LIB_WEIGHTS_GGUF_GGUF_H
#define QUERN_LIB_WEIGHTS_GGUF_GGUF_H

#include "Cursor.h"
#include "quern/Weights/WeightSource.h"

#include <memory>

namespace quern::weights {

/// What a header announces.
struct GgufCounts {
  uint64_t tensors = 0;
  uint64_t values = 0;
};

/// Reads magic, version and counts. Messages do not name the file.
Result<GgufCounts> readGgufHeader(Cursor &cursor, Span<const uint8_t> file);

/// Reads `count` keys with their values.
Result<Metadata> readGgufMetadata(Cursor &cursor, uint64_t count);

/// Reads `count` descriptions of tensors and finds their bytes in `file`,
/// whose data section must hold them one after another and nothing else. They
/// come in the order of the file, with shapes as every WeightSource has them.
Result<std::vector<TensorInfo>> readGgufTensors(Cursor &cursor, uint64_t count,
                                                const Metadata &metadata,
                                                Span<const uint8_t> file);

/// Opens the file at `path`. If it is the first of several shards, all of them,
/// which lie beside it.
Result<std::unique_ptr<WeightSource>> openGguf(const std::string &path);

} // namespace quern::weights

#endif // QUERN_LIB_WEIGHTS_GGUF_GGUF_H
