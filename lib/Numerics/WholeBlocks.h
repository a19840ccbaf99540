// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Matrices of whole blocks, for formats whose blocks may be cut short or
// cross rows.

#ifndef QUERN_LIB_NUMERICS_WHOLEBLOCKS_H
#define QUERN_LIB_NUMERICS_WHOLEBLOCKS_H

#include "Blocks.h"

namespace quern::numerics {

/// Whether blocks of `format` may be cut short, at the edges of the matrix or
/// at the end of the matrix taken as one row.
inline bool mayCutBlocks(const Format &format) {
  return format.allowsPartialBlocks || format.isFlat;
}

/// The matrix that is coded in place of a tensor of a format that mayCutBlocks:
/// its values, and zeros that fill up the blocks of all levels. Zeros do not
/// change the statistics of a block, which all count zero in; a mean is one of
/// the values alone.
class WholeBlocks {
public:
  WholeBlocks(const Format &format, int64_t rows, int64_t cols);

  /// The same levels, neither partial nor flat. Blocks that reach over the
  /// whole tensor are `*`.
  const Format &format() const { return inner; }
  /// Of the filled matrix. That of a flat format has a row for each outermost
  /// block, or one row if there is no such block.
  BlockShape shape() const { return filled; }
  /// The part that is no filling.
  BlockShape used() const { return before; }

  std::vector<float> fill(Span<const float> values) const;
  /// A weight for each value, from those of the tensor's columns (empty: all
  /// one); zero for zeros that fill up blocks.
  std::vector<float> fillWeights(Span<const float> columnWeights) const;
  std::vector<float> cut(const std::vector<float> &values) const;

  CodedTensor fill(const CodedTensor &coded) const;
  CodedTensor cut(const CodedTensor &coded) const;

private:
  const Format &outer;
  const int64_t rows, cols;
  Format inner;
  BlockShape filled, before;
};

} // namespace quern::numerics

#endif // QUERN_LIB_NUMERICS_WHOLEBLOCKS_H
