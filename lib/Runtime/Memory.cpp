// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Page-granular memory of models and sessions.

#include "Memory.h"

#include <string.h>
#include <sys/mman.h>

using namespace quern::runtime;

namespace {
constexpr size_t kPageBytes = 4096;
} // namespace

bool quern::runtime::roundUp(uint64_t value, uint64_t step, uint64_t &rounded) {
  if (__builtin_add_overflow(value, step - 1, &rounded))
    return false;
  rounded &= ~(step - 1);
  return true;
}

Pages Pages::map(size_t bytes, Use use) {
  uint64_t rounded;
  if (!roundUp(bytes ? bytes : 1, kPageBytes, rounded))
    return {};
  void *data = mmap(nullptr, rounded, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return {};
  // A cache is reserved for the longest context, and every head and layer of it
  // begins far from the last: huge pages would clear, and keep, 2 MiB for each.
  // A kernel without them refuses the hint, and all is well.
  (void)madvise(data, rounded,
                use == Use::Dense ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  Pages pages;
  pages.data = static_cast<uint8_t *>(data);
  pages.bytes = rounded;
  return pages;
}

void Pages::unmap() {
  if (data)
    munmap(data, bytes);
  *this = Pages();
}

void quern::runtime::copySparse(uint8_t *target, const uint8_t *source,
                                size_t bytes) {
  static const uint8_t zeros[kPageBytes] = {};
  for (size_t at = 0; at < bytes; at += kPageBytes)
    if (memcmp(source + at, zeros, kPageBytes) != 0)
      memcpy(target + at, source + at, kPageBytes);
}
