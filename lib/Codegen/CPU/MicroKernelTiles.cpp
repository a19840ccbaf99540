// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Products of up to 16 rows of activations by AMX tiles.
//
// A panel is a tile as the instructions want it: a row for each four K in bytes
// or two in bfloat16, with those of 16 columns side by side. Up to 64 bytes of
// K of a panel come from memory and are multiplied with all rows at once. Sums
// of bytes stay exact integers, so that what follows is what the other dot
// products have. Sums of bfloat16 pairs stay in tiles: first those of even and
// of odd K of one instruction, each product added with one rounding, then both
// and what was there (Intel SDM, TDPBF16PS).

#include "MicroKernel.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// Steps of four K that fill a tile of weights.
static constexpr int64_t kTileSteps = kOperandsInMemory;
static constexpr int64_t kPairTileSteps = kOperandsInMemory / 2;
static constexpr int64_t kTileRowBytes = 64;
static constexpr int64_t kTileBytes = 1024;

namespace {
/// The tile instructions. Shapes are constants: LLVM configures from them.
class TileBuilder {
public:
  explicit TileBuilder(KernelBuilder &builder)
      : b(builder), tile(LLVM::LLVMX86AMXType::get(b.getContext())) {}

  Value load(int64_t rows, int64_t rowBytes, Value address, int64_t stride) {
    return b.intrinsic("llvm.x86.tileloadd64.internal", tile,
                       {i16(rows), i16(rowBytes), address, b.i64(stride)});
  }
  /// The sums at `address` + x * w, for `rows` rows of `rowBytes` bytes of x.
  void multiplyAdd(StringRef intrinsic, int64_t rows, int64_t rowBytes,
                   Value address, Value x, Value w) {
    Value sum = load(rows, kTileRowBytes, address, kTileRowBytes);
    sum =
        b.intrinsic(intrinsic, tile,
                    {i16(rows), i16(kTileRowBytes), i16(rowBytes), sum, x, w});
    LLVM::CallIntrinsicOp::create(
        b, b.getStringAttr("llvm.x86.tilestored64.internal"),
        ValueRange{i16(rows), i16(kTileRowBytes), address, b.i64(kTileRowBytes),
                   sum});
  }

private:
  Value i16(int64_t x) {
    return arith::ConstantOp::create(b, b.getI16IntegerAttr(int16_t(x)));
  }

  KernelBuilder &b;
  Type tile;
};
} // namespace

void MicroKernel::allocateTiles() {
  for (int64_t n = 0; n < panels; ++n)
    tileProducts.push_back(allocateOnStack(b, kTileBytes));
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

void MicroKernel::tileStep(const PanelChunk &chunk, const ChunkScales &scales,
                           int64_t steps) {
  TileBuilder tiles(b);
  Value inputs = inputAddress(0, walk.kOf(chunk));
  for (int64_t first = 0; first < steps; first += kTileSteps) {
    int64_t count = std::min(kTileSteps, steps - first), depth = 4 * count;
    Value x =
        tiles.load(16, depth, b.offset(inputs, 4 * first), spec.input.stride());
    for (int64_t n = 0; n < panels; ++n) {
      Value bytes = weights->operandsInMemory(chunk, scales, n, first, count);
      Value w = tiles.load(count, kTileRowBytes, bytes, kTileRowBytes);
      // Signed bytes of x, unsigned ones of w.
      tiles.multiplyAdd("llvm.x86.tdpbsud.internal", 16, depth, tileProducts[n],
                        x, w);
    }
  }
}

MicroKernel::Values MicroKernel::tileDots(const PanelChunk &chunk,
                                          const ChunkScales &scales,
                                          const Values &inputSums) {
  auto address = [&](int64_t m, int64_t n) {
    return b.offset(tileProducts[n], kTileRowBytes * m);
  };
  for (int64_t m = 0; m < rows; ++m) {
    Value start = dotStart(inputSums[m]);
    for (int64_t n = 0; n < panels; ++n)
      b.store(start, address(m, n), kTileRowBytes);
  }
  walk.forSteps(chunk, kTileSteps, {},
                [&](const PanelChunk &part, int64_t steps, Values carried) {
                  tileStep(part, scales, steps);
                  return carried;
                });
  Values dots;
  Type lanes = b.vectorOf(b.getI32Type());
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < panels; ++n)
      dots.push_back(b.load(lanes, address(m, n), kTileRowBytes));
  return dots;
}

//===----------------------------------------------------------------------===//
// Pairs of bfloat16
//===----------------------------------------------------------------------===//

MicroKernel::Values MicroKernel::openSums(Values sums) {
  if (!usesPairTiles())
    return sums;
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < panels; ++n)
      b.store(sums[m * panels + n],
              b.offset(tileProducts[n], kTileRowBytes * m), kTileRowBytes);
  return {};
}

MicroKernel::Values MicroKernel::closeSums(Values sums) {
  if (!usesPairTiles())
    return sums;
  Values loaded;
  Type lanes = b.vectorOf(b.getF32Type());
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < panels; ++n)
      loaded.push_back(b.load(
          lanes, b.offset(tileProducts[n], kTileRowBytes * m), kTileRowBytes));
  return loaded;
}

void MicroKernel::pairStep(const PanelChunk &chunk, const ChunkScales &scales,
                           int64_t steps) {
  TileBuilder tiles(b);
  Value inputs = inputAddress(0, b.mul(walk.kOf(chunk), 2));
  for (int64_t first = 0; first < steps; first += kPairTileSteps) {
    int64_t count = std::min(kPairTileSteps, steps - first), depth = 8 * count;
    Value x = tiles.load(rows, depth, b.offset(inputs, 8 * first),
                         spec.input.stride());
    for (int64_t n = 0; n < panels; ++n) {
      Value pairs = weights->operandsInMemory(chunk, scales, n, first, count);
      Value w = tiles.load(2 * count, kTileRowBytes, pairs, kTileRowBytes);
      tiles.multiplyAdd("llvm.x86.tdpbf16ps.internal", rows, depth,
                        tileProducts[n], x, w);
    }
  }
}

void MicroKernel::accumulatePairs(const PanelChunk &chunk,
                                  const ChunkScales &scales) {
  walk.forSteps(chunk, kPairTileSteps, {},
                [&](const PanelChunk &part, int64_t steps, Values carried) {
                  pairStep(part, scales, steps);
                  return carried;
                });
}
