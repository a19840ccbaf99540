// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The mapped weights file of a model, checked against the build.

#ifndef QUERN_LIB_RUNTIME_WEIGHTS_H
#define QUERN_LIB_RUNTIME_WEIGHTS_H

#include "Message.h"
#include "quern/Runtime/StepABI.h"

namespace quern::runtime {

/// A read-only, private mapping of the whole file.
struct Weights {
  const uint8_t *file = nullptr;
  size_t bytes = 0;

  /// Opens `path` and maps it. QUERN_ERR_FILE unless it is a regular file of
  /// exactly the size that `table` states, and its header has the stated hash.
  /// A file that somebody shortens afterwards faults on access: replace weights
  /// by renaming, never in place.
  quern_status open(const char *path, const quern_model_table &table,
                    Message &message);
  /// Compares the hash of each tensor: QUERN_ERR_FILE names the first that
  /// differs. Reads the whole file.
  quern_status verify(const quern_model_table &table, Message &message) const;
  void close();
};

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_WEIGHTS_H
