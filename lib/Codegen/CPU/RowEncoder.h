// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Encoding of one row of numbers in any format, into private memory.

#ifndef QUERN_LIB_CODEGEN_CPU_ROWENCODER_H
#define QUERN_LIB_CODEGEN_CPU_ROWENCODER_H

#include "quern/Codegen/CPU/KernelBuilder.h"

namespace quern::codegen {

/// Emits what numerics::encodeRows does to a matrix [1, width]: the codes have
/// the same bits. Works in scratch memory, where each plane has three arrays of
/// 4-byte items, the length rounded up to 16: what is encoded, the codes, and
/// what they decode to.
class RowEncoder {
public:
  RowEncoder(KernelBuilder &builder, const numerics::Format &format,
             int64_t width, mlir::Value scratch);

  static int64_t scratchBytes(const numerics::Format &format, int64_t width);

  /// Encodes the row of f32 at `row`.
  void emit(mlir::Value row);

  /// The codes of a plane, i32, after emit.
  mlir::Value codes(const std::string &path) {
    return array(path, Array::Codes);
  }

private:
  enum class Array { Input, Codes, Decoded };
  /// A level of the format.
  struct Level {
    const numerics::Format &format;
    const numerics::ScaleRule *rule; ///< of the level above, for its scales
    std::string path;
    mlir::Value input;
    int64_t count; ///< numbers
    std::string child(const char *name) const;
  };
  mlir::Value array(const std::string &path, Array which);
  void encode(const Level &level);
  void encodeUnscaled(const Level &level);
  void encodeScaled(const Level &level);
  void emitRanges(const Level &level, int64_t block);
  mlir::Value statistic(const Level &level, mlir::Value first, int64_t block);
  mlir::Value firstLargest(const Level &level, mlir::Value first,
                           int64_t block);
  void emitOffsets(const Level &level, int64_t blocks);
  void emitCodes(const Level &level, int64_t block);
  mlir::Value usedScales(const Level &level);
  mlir::Value item(mlir::Value array, mlir::Value index);

  KernelBuilder &b;
  const numerics::Format &format;
  int64_t width;
  mlir::Value scratch;
  std::vector<numerics::Plane> planes;
  mlir::Value low; ///< min(0, least of the block), where there is an offset
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_ROWENCODER_H
