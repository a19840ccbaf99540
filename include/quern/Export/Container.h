// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What every container of weights has in common, as it is written.

#ifndef QUERN_EXPORT_CONTAINER_H
#define QUERN_EXPORT_CONTAINER_H

#include "quern/Base/Span.h"
#include "quern/Base/Status.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace quern::exporter {

/// A tensor of a file that is going to be written.
struct ContainerTensor {
  std::string name;
  std::string type;           ///< as the container names it, such as "I32"
  std::vector<int64_t> shape; ///< the contiguous extent last
  uint64_t bytes = 0;
  /// The weight of the model that it holds a segment of; the module says its
  /// layout. Empty: it holds `contents`.
  std::string weight;
  size_t segment = 0;
  /// What it holds, of as many bytes, where that only follows from the bytes of
  /// the segment; null: it holds those.
  std::function<std::vector<uint8_t>(Span<const uint8_t>)> convert;
  /// Its rows follow those of the tensor before it in the list, with which it
  /// is one tensor of the file, under the name of the first.
  bool joinsPrevious = false;
  std::vector<uint8_t> contents;
};

/// Takes the bytes of tensors, in any order, and makes a file of them that has
/// its name once it is whole.
class ContainerWriter {
public:
  virtual ~ContainerWriter();
  /// All bytes of tensor `index` of those that the writer was made for.
  virtual Status write(size_t index, Span<const uint8_t> bytes) = 0;
  /// Fails if a tensor was not written.
  virtual Status finish() = 0;
};

} // namespace quern::exporter

#endif // QUERN_EXPORT_CONTAINER_H
