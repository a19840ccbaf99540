// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Rows of activations between guard bytes.

#ifndef QUERN_TEST_UNIT_CODEGEN_ROWBUFFER_H
#define QUERN_TEST_UNIT_CODEGEN_ROWBUFFER_H

#include "quern/Codegen/CPU/ActivationRow.h"
#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

namespace quern::codegen::test {

/// `rows` rows as an ActivationRow describes them, zero at first, with guard
/// bytes on both sides.
class RowBuffer {
public:
  RowBuffer(const ActivationRow &row, int64_t rows)
      : row(row), rows(rows), bytes(2 * kGuard + rows * row.stride(), 0) {
    std::fill_n(bytes.begin(), kGuard, kGuardByte);
    std::fill_n(bytes.end() - kGuard, kGuard, kGuardByte);
  }

  uint8_t *data() { return bytes.data() + kGuard; }
  const uint8_t *rowBytes(int64_t m) const {
    return bytes.data() + kGuard + m * row.stride();
  }
  uint8_t *rowBytes(int64_t m) { return data() + m * row.stride(); }

  float *floats(int64_t m) { return reinterpret_cast<float *>(rowBytes(m)); }
  const float *floats(int64_t m) const {
    return reinterpret_cast<const float *>(rowBytes(m));
  }
  /// Row-major [rows, width] into and out of an F32 buffer.
  void assign(const std::vector<float> &values) {
    for (int64_t m = 0; m < rows; ++m)
      std::copy_n(&values[m * row.width], row.width, floats(m));
  }
  std::vector<float> values() const {
    std::vector<float> result;
    for (int64_t m = 0; m < rows; ++m)
      result.insert(result.end(), floats(m), floats(m) + row.width);
    return result;
  }

  bool operator==(const RowBuffer &other) const { return bytes == other.bytes; }

  /// Guards are whole and every byte of a row that holds nothing is zero.
  void expectIntact() const {
    for (int64_t i = 0; i < kGuard; ++i)
      if (bytes[i] != kGuardByte || bytes[bytes.size() - 1 - i] != kGuardByte) {
        ADD_FAILURE() << "a byte outside the rows was written";
        return;
      }
    for (int64_t m = 0; m < rows; ++m)
      for (int64_t i = 0; i < row.stride(); ++i)
        if (!isUsed(i) && rowBytes(m)[i] != 0) {
          ADD_FAILURE() << "padding byte " << i << " of row " << m
                        << " was written";
          return;
        }
  }

private:
  static constexpr int64_t kGuard = 128;
  static constexpr uint8_t kGuardByte = 0xff; // a NaN to float reads

  bool isUsed(int64_t i) const {
    auto inArray = [&](int64_t begin, int64_t count) {
      return i >= begin && i < begin + count;
    };
    switch (row.kind) {
    case ActivationRow::Kind::F32:
      return inArray(0, 4 * row.width);
    case ActivationRow::Kind::BF16:
      return inArray(0, 2 * row.width);
    case ActivationRow::Kind::Int8:
      break;
    }
    for (int64_t columns : row.sumColumns())
      if (inArray(row.sumsOffset(columns),
                  ActivationRow::sumBytes(columns) * (row.width / columns)))
        return true;
    return inArray(0, row.width) ||
           inArray(row.scalesOffset(), 4 * (row.width / row.group));
  }

  ActivationRow row;
  int64_t rows;
  std::vector<uint8_t> bytes;
};

/// Adds the code at column `k` to the sums of an Int8 row that have it.
inline void addToSums(const ActivationRow &row, uint8_t *bytes, int64_t k,
                      int32_t code) {
  for (int64_t columns : row.sumColumns()) {
    int64_t size = ActivationRow::sumBytes(columns);
    uint8_t *at = bytes + row.sumsOffset(columns) + size * (k / columns);
    int32_t sum;
    int16_t shortSum;
    std::memcpy(size == 2 ? static_cast<void *>(&shortSum) : &sum, at, size);
    sum = code + (size == 2 ? shortSum : sum);
    shortSum = int16_t(sum);
    std::memcpy(at, size == 2 ? static_cast<void *>(&shortSum) : &sum, size);
  }
}

/// An F32 row.
inline ActivationRow floatRow(int64_t width) {
  return {ActivationRow::Kind::F32, width, 0};
}

} // namespace quern::codegen::test

#endif // QUERN_TEST_UNIT_CODEGEN_ROWBUFFER_H
