// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How a row of activations lies in the arena.

#ifndef QUERN_CODEGEN_CPU_ACTIVATIONROW_H
#define QUERN_CODEGEN_CPU_ACTIVATIONROW_H

#include <cstdint>
#include <string>

namespace quern::codegen {

/// A row of `width` activations. Rows are padded with zeros to a multiple of
/// 64 columns, which nothing ever writes, so that a kernel may read whole tiles
/// of the weight.
///
///   F32:  float[padded]
///   BF16: uint16[padded]
///   Int8: int8[padded], then float scale[groups], then int32 sum of
///         codes[groups], one of each for `group` columns
struct ActivationRow {
  enum class Kind { F32, BF16, Int8 };
  Kind kind = Kind::F32;
  int64_t width = 0;
  int64_t group = 0; ///< Int8 only; divides width

  int64_t padded() const { return roundUp(width, 64); }
  int64_t groups() const { return (padded() + group - 1) / group; }
  int64_t scalesOffset() const { return padded(); }
  int64_t sumsOffset() const { return padded() + 4 * groups(); }
  /// Bytes from one row to the next; a multiple of 64.
  int64_t stride() const {
    switch (kind) {
    case Kind::F32:
      return 4 * padded();
    case Kind::BF16:
      return roundUp(2 * padded(), 64);
    case Kind::Int8:
      return roundUp(padded() + 8 * groups(), 64);
    }
    return 0;
  }
  /// Distinguishes rows that lie differently.
  std::string key() const {
    static const char *const names[] = {"f32", "bf16", "i8"};
    std::string text =
        names[int(kind)] + std::string("x") + std::to_string(width);
    return kind == Kind::Int8 ? text + "g" + std::to_string(group) : text;
  }

private:
  static int64_t roundUp(int64_t x, int64_t to) {
    return (x + to - 1) / to * to;
  }
};

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_ACTIVATIONROW_H
