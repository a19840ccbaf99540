// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How keys and values lie in the KV cache.
//
// A key or value of a head is a row of headDim numbers, coded on its own in any
// format whose blocks divide such a row. Vectors have 16 lanes. Lanes of keys
// are 16 consecutive positions, so that 16 scores are one vector; lanes of
// values are 16 consecutive columns, so that a weighted sum is. Either way the
// codes are a sequence of steps of 16 lanes, which LaneCodes packs.
//
//   layer:  keys [head][position / 16] blocks, values [head][position] rows
//   block:  the codes of 16 keys, cut into runs of keyRun() columns with the
//           columns as steps, then each other plane as [code][16] slots
//   row:    the codes of one value, with runs of 16 columns as steps, then each
//           other plane as [code] slots
//
// A slot is the least of 1, 2 and 4 bytes that holds a code.

#ifndef QUERN_CODEGEN_CPU_CACHESHAPE_H
#define QUERN_CODEGEN_CPU_CACHESHAPE_H

#include "quern/Numerics/Format.h"
#include "llvm/ADT/SmallVector.h"

namespace quern::codegen {

/// Codes of `steps` steps of 16 lanes, densely: a code is cut into pieces of
/// 32, 16, 8, 4, 2 or 1 bits. Narrow pieces of consecutive steps share the
/// bytes of a word of 16 lanes, the first in the low bits.
struct LaneCodes {
  struct Piece {
    unsigned bitLo = 0, width = 0;
    int64_t base = 0; ///< in bytes

    /// Steps to a word.
    int64_t fields() const { return width < 8 ? 8 / width : 1; }
    int64_t laneBytes() const { return width < 8 ? 1 : width / 8; }
    int64_t wordBytes() const { return 16 * laneBytes(); }
  };

  LaneCodes(unsigned bits, int64_t steps);

  unsigned bits;
  int64_t steps;
  llvm::SmallVector<Piece, 4> pieces;
  int64_t period = 1; ///< steps after which every piece begins a word
  int64_t bytes = 0;
};

/// The cache of a model.
struct CacheShape {
  int64_t layers = 0;
  int64_t heads = 0; ///< of keys and values
  int64_t headDim = 0;
  numerics::Format format; ///< of rows [1, headDim]

  /// Columns that share a scale; all where there is none.
  int64_t keyRun() const;
  LaneCodes keyCodes() const; ///< of one run
  LaneCodes valueCodes() const;
  /// Where plane `path`, not the codes, begins in a block of keys and in a row
  /// of values.
  int64_t keyPlane(const std::string &path) const;
  int64_t valuePlane(const std::string &path) const;
  int64_t keyBlockBytes() const;
  int64_t valueRowBytes() const;

  int64_t keyBytesPerToken() const { return heads * keyBlockBytes() / 16; }
  int64_t valueBytesPerToken() const { return heads * valueRowBytes(); }
  int64_t bytesPerToken() const {
    return layers * (keyBytesPerToken() + valueBytesPerToken());
  }
};

/// Bytes that a code takes outside LaneCodes.
int64_t slotBytes(const numerics::Element &element);

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_CACHESHAPE_H
