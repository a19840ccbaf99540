// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Page-granular memory of models and sessions.

#ifndef QUERN_LIB_RUNTIME_MEMORY_H
#define QUERN_LIB_RUNTIME_MEMORY_H

#include <stddef.h>
#include <stdint.h>

namespace quern::runtime {

/// The x86 cache line, and the alignment of everything kernels load from.
constexpr size_t kLineBytes = 64;

/// Rounds `value` up to a multiple of `step`, a power of two. False on
/// overflow.
bool roundUp(uint64_t value, uint64_t step, uint64_t &rounded);

/// Zeroed anonymous pages, small ones: what is never touched costs no memory.
struct Pages {
  uint8_t *data = nullptr;
  size_t bytes = 0;

  /// How much of the memory is used.
  enum class Use {
    Thin, ///< places far apart: small pages, so that only they cost memory
    Dense ///< all of it, in long strides: huge pages, of which few are needed
  };

  /// Null `data` if the system refuses. `bytes` of 0 allocates one page, so
  /// that success always has an address.
  static Pages map(size_t bytes, Use use = Use::Thin);
  void unmap();
  explicit operator bool() const { return data != nullptr; }
};

/// Copies `bytes` (a multiple of 4096) to zeroed pages, leaving pages that are
/// all zero untouched, so that a sparse source stays sparse.
void copySparse(uint8_t *target, const uint8_t *source, size_t bytes);

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_MEMORY_H
