// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Builds the loads and shifts that bring codes out of a panel.
//
// What a format's bits look like in memory comes from its layout alone; what
// they mean comes from its format alone. This file turns the first into IR.

#ifndef QUERN_CODEGEN_CPU_PANELREADER_H
#define QUERN_CODEGEN_CPU_PANELREADER_H

#include "quern/Base/Status.h"
#include "quern/Codegen/CPU/KernelBuilder.h"
#include "quern/Numerics/Layout.h"

namespace quern::codegen {

/// Rows of the weight (columns of the result) that lie side by side.
constexpr int64_t kPanelRows = 16;

/// Static facts of a weight [*, depth] in a panel layout, read off its format
/// and layout. Depth is the length of a row, K.
class PanelShape {
public:
  /// Fails with the reason if the layout is no panel layout that kernels read.
  static Result<PanelShape> create(const numerics::Format &format,
                                   const numerics::Layout &layout,
                                   int64_t depth);

  const numerics::Format *format = nullptr;
  const numerics::Layout *layout = nullptr;
  int64_t depth = 0;
  size_t codeSegment = 0;
  int64_t tileDepth = 0; ///< K of one tile of codes
  int64_t tileBytes = 0;
  int64_t tiles = 0;      ///< tiles of a panel; the last may be padded
  int64_t panelBytes = 0; ///< of the code segment
  /// K that share one scale, or tileDepth if that is more.
  int64_t scaleDepth = 0;
  /// Steps of 4 K after which every piece is at the start of a lane again.
  int64_t stepPeriod = 1;
  bool codesFlipped = false; ///< codes come out as offset binary
  unsigned codeBits = 0;
};

/// One panel at run time.
struct PanelPointers {
  /// Start of each segment of the whole tensor.
  llvm::SmallVector<mlir::Value> segments;
  mlir::Value panel; ///< its index, i64
};

/// Four consecutive K of a tile of a panel, at run time.
struct PanelStep {
  const PanelPointers *at;
  mlir::Value tile;        ///< its index, i64
  mlir::Value tileAddress; ///< of the code segment
  /// Step `lane * stepPeriod + field` of the tile.
  mlir::Value lane;
  int64_t field;
  mlir::Value kInTile; ///< i64, a multiple of 4: 4 * (lane * period + field)
};

/// Emits reads of a panel.
class PanelReader {
public:
  PanelReader(KernelBuilder &builder, const PanelShape &shape)
      : b(builder), shape(shape) {}

  /// Address of tile `tile` of the code segment.
  mlir::Value tileAddress(const PanelPointers &at, mlir::Value tile);

  /// The codes of 16 rows by 4 consecutive K as the bytes of 16 i32 lanes, for
  /// codes of up to 8 bits: step `lane * stepPeriod + field` of the tile.
  mlir::Value codeBytes(mlir::Value tileAddress, mlir::Value lane,
                        int64_t field);

  /// The codes of 16 rows at K = 4 * (lane * stepPeriod + field) + k, k in
  /// [0, 4), one to an i32 lane, sign-extended if the element is signed.
  llvm::SmallVector<mlir::Value, 4> codeLanes(mlir::Value tileAddress,
                                              mlir::Value lane, int64_t field);

  /// The codes of 16 bits of 16 rows at K = 4 * lane + 2 * pair and the next
  /// one, as the halves of i32 lanes. (The period of such codes is one step.)
  mlir::Value codePairs(mlir::Value tileAddress, mlir::Value lane,
                        int64_t pair);

  /// The elements of 16 rows at each of the four K, signs included, in f32.
  llvm::SmallVector<mlir::Value, 4> elementLanes(const PanelStep &step);

  /// Of a composite element: values as integers, `table[i]` of code
  /// i / vectorSize, with their signs and plus `bias`, as the bytes of 16
  /// lanes.
  mlir::Value compositeBytes(const PanelStep &step, llvm::ArrayRef<int> table,
                             int bias);

  /// The codes of another plane (a scale's or offset's) for 16 rows at column
  /// `k` (i64, a multiple of 4, inside the tensor), of which `kInTile` lie
  /// behind the start of tile `tile`.
  mlir::Value planeLanes(const PanelPointers &at, const numerics::Plane &plane,
                         mlir::Value tile, mlir::Value tileAddress,
                         mlir::Value kInTile);

private:
  mlir::Value vectorCode(const PanelStep &step, int64_t delta);
  mlir::Value vectorBytes(const PanelStep &step, llvm::ArrayRef<int> table);
  mlir::Value signBits(const PanelStep &step);
  llvm::SmallVector<mlir::Value, 4> compositeLanes(const PanelStep &step);
  mlir::Value loadPieceWord(mlir::Value tileAddress,
                            const numerics::Piece &piece, mlir::Value word);
  mlir::Value extend(mlir::Value lanes, const numerics::Element &element,
                     bool flipped);

  KernelBuilder &b;
  const PanelShape &shape;
};

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_PANELREADER_H
