// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How a row of activations lies in the arena.

#ifndef QUERN_CODEGEN_CPU_ACTIVATIONROW_H
#define QUERN_CODEGEN_CPU_ACTIVATIONROW_H

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace quern::codegen {

/// A row of `width` activations. Rows are padded with zeros to a multiple of
/// 64 columns, which nothing ever writes, so that a kernel may read whole tiles
/// of the weight.
///
///   F32:  float[padded]
///   BF16: uint16[padded]
///   Int8: int8[padded], then float scale[groups], one for `group` columns,
///         then for each of sumColumns() sums of codes [padded / columns], of
///         sumBytes(columns) each
struct ActivationRow {
  enum class Kind { F32, BF16, Int8 };
  Kind kind = Kind::F32;
  int64_t width = 0;
  int64_t group = 0; ///< Int8 only; divides width

  int64_t padded() const { return roundUp(width, 64); }
  int64_t groups() const { return partsOf(group); }
  int64_t scalesOffset() const { return padded(); }
  /// Columns that are summed: the group and its halves that are multiples of
  /// 16. A weight's blocks within a group find their sums so.
  std::vector<int64_t> sumColumns() const {
    std::vector<int64_t> columns = {group};
    while (columns.back() % 32 == 0)
      columns.push_back(columns.back() / 2);
    return columns;
  }
  bool hasSums(int64_t columns) const {
    std::vector<int64_t> all = sumColumns();
    return std::find(all.begin(), all.end(), columns) != all.end();
  }
  /// Of the sums of `columns` columns each; of what lies behind all sums if
  /// there are none.
  int64_t sumsOffset(int64_t columns) const {
    int64_t offset = scalesOffset() + 4 * groups();
    for (int64_t each : sumColumns()) {
      if (each == columns)
        return offset;
      offset += roundUp(sumBytes(each) * partsOf(each), 4);
    }
    return offset;
  }
  /// Of a sum of `columns` codes, of which none is above 127 in magnitude.
  static int64_t sumBytes(int64_t columns) { return columns <= 256 ? 2 : 4; }
  /// Bytes from one row to the next: whole cache lines, and of long rows an odd
  /// number of them. A power of two would put the same columns of all rows
  /// into a few sets of each cache, whose lines then push each other out.
  int64_t stride() const {
    int64_t lines = roundUp(rowBytes(), kLine) / kLine;
    return kLine * (lines < kLongRow ? lines : lines | 1);
  }
  /// Distinguishes rows that lie differently.
  std::string key() const {
    static const char *const names[] = {"f32", "bf16", "i8"};
    std::string text =
        names[int(kind)] + std::string("x") + std::to_string(width);
    return kind == Kind::Int8 ? text + "g" + std::to_string(group) : text;
  }

private:
  static constexpr int64_t kLine = 64;
  /// Lines from which on one more costs little.
  static constexpr int64_t kLongRow = 16;

  int64_t rowBytes() const {
    switch (kind) {
    case Kind::F32:
      return 4 * padded();
    case Kind::BF16:
      return 2 * padded();
    case Kind::Int8:
      return sumsOffset(0);
    }
    return 0;
  }
  int64_t partsOf(int64_t columns) const {
    return (padded() + columns - 1) / columns;
  }
  static int64_t roundUp(int64_t x, int64_t to) {
    return (x + to - 1) / to * to;
  }
};

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_ACTIVATIONROW_H
