// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file One file of a model in GGUF.

#ifndef QUERN_LIB_EXPORT_GGUF_GGUFFILE_H
#define QUERN_LIB_EXPORT_GGUF_GGUFFILE_H

#include "quern/Base/Span.h"
#include "quern/Export/Gguf.h"

namespace quern::exporter {

/// The entry behind `tensor` that begins another tensor of the file, or `end`.
inline const ContainerTensor *nextTensor(const ContainerTensor *tensor,
                                         const ContainerTensor *end) {
  do
    ++tensor;
  while (tensor != end && tensor->joinsPrevious);
  return tensor;
}

/// Creates a temporary file beside `path` with room for `tensors`, as
/// createGguf does.
Result<std::unique_ptr<ContainerWriter>>
createGgufFile(const std::string &path, const GgufValues &values,
               Span<const ContainerTensor> tensors);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_GGUF_GGUFFILE_H
