// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A file whose tensors have their places from the start.

#ifndef QUERN_LIB_EXPORT_PLACEDFILE_H
#define QUERN_LIB_EXPORT_PLACEDFILE_H

#include "quern/Export/Container.h"

#include <memory>

namespace quern::exporter {

/// Where a tensor lies behind the header.
struct TensorPlace {
  std::string name;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

/// Creates a temporary file beside `path`: `header`, and behind it `dataBytes`
/// in which tensors have their places. The space is reserved at once, so that a
/// full disk is reported before the work.
Result<std::unique_ptr<ContainerWriter>>
createPlacedFile(const std::string &path, const std::string &header,
                 std::vector<TensorPlace> places, uint64_t dataBytes);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_PLACEDFILE_H
