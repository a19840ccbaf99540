// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Weights that come from memory: more copies of one than caches hold.

#ifndef QUERN_TEST_BENCHMARKS_WEIGHTSTREAM_H
#define QUERN_TEST_BENCHMARKS_WEIGHTSTREAM_H

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>
#include <vector>

/// Copies of a weight, or of other bytes, one after another in huge pages, at
/// least one and as many as `totalBytes` hold.
class WeightStream {
public:
  WeightStream(const std::vector<uint8_t> &weight, size_t totalBytes = 0)
      : step((weight.size() + 4095) / 4096 * 4096),
        copies(std::max<size_t>(1, totalBytes / step)) {
    size_t bytes = (step * copies + (2u << 20) - 1) >> 21 << 21;
    memory = static_cast<uint8_t *>(std::aligned_alloc(2u << 20, bytes));
    madvise(memory, bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < copies; ++i)
      std::copy(weight.begin(), weight.end(), memory + i * step);
  }
  WeightStream(const WeightStream &) = delete;
  ~WeightStream() { std::free(memory); }

  uint8_t *first() { return memory; }
  const uint8_t *next() {
    at = at + 1 == copies ? 0 : at + 1;
    return memory + at * step;
  }

private:
  size_t step, copies, at = 0;
  uint8_t *memory;
};

#endif // QUERN_TEST_BENCHMARKS_WEIGHTSTREAM_H
