// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Byte dot products of 16 rows of activations by AMX tiles.
//
// A panel is a tile as the instruction wants it: a row for each four K, with
// those of 16 columns side by side. Up to 64 K of a panel come from memory and
// are multiplied with all rows at once; sums stay exact integers, so that what
// follows is what the other dot products have.

#include "MicroKernel.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// Of four K: the rows of a tile of weights.
static constexpr int64_t kTileSteps = kStepsInMemory;
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
  /// sum + x * w, for 16 rows of `depth` signed bytes x and unsigned bytes w.
  Value multiplyAdd(int64_t depth, Value sum, Value x, Value w) {
    return b.intrinsic("llvm.x86.tdpbsud.internal", tile,
                       {i16(16), i16(kTileRowBytes), i16(depth), sum, x, w});
  }
  void store(Value products, Value address) {
    LLVM::CallIntrinsicOp::create(
        b, b.getStringAttr("llvm.x86.tilestored64.internal"),
        ValueRange{i16(16), i16(kTileRowBytes), address, b.i64(kTileRowBytes),
                   products});
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

void MicroKernel::tileStep(const PanelChunk &chunk, int64_t steps) {
  TileBuilder tiles(b);
  Value inputs = inputAddress(0, walk.kOf(chunk));
  for (int64_t first = 0; first < steps; first += kTileSteps) {
    int64_t count = std::min(kTileSteps, steps - first), depth = 4 * count;
    Value x =
        tiles.load(16, depth, b.offset(inputs, 4 * first), spec.input.stride());
    for (int64_t n = 0; n < panels; ++n) {
      Value bytes = weights->bytesInMemory(chunk, n, first, count);
      Value w = tiles.load(count, kTileRowBytes, bytes, kTileRowBytes);
      Value sum = tiles.load(16, kTileRowBytes, tileProducts[n], kTileRowBytes);
      tiles.store(tiles.multiplyAdd(depth, sum, x, w), tileProducts[n]);
    }
  }
}

MicroKernel::Values MicroKernel::tileDots(const PanelChunk &chunk,
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
                  tileStep(part, steps);
                  return carried;
                });
  Values dots;
  Type lanes = b.vectorOf(b.getI32Type());
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < panels; ++n)
      dots.push_back(b.load(lanes, address(m, n), kTileRowBytes));
  return dots;
}
