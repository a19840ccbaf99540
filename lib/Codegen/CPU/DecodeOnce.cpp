// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Compares what a panel's decoding costs in each tile of rows and once.
//
// With t tiles of rows, code that decodes in each takes t * packed, code that
// decodes first takes decoder + t * decoded. The second is faster for all
//
//   t > decoder / (packed - decoded)

#include "DecodeOnce.h"

#include "MicroKernel.h"
#include <cmath>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// A gain below this part of a tile's time is within the model's error.
static constexpr double kLeastGain = 0.05;
/// From so many tiles on nobody asks for more rows.
static constexpr int64_t kMostTiles = 64;

/// Of `tiles` tiles of the layout, a slice after the other.
static KernelCost inSlices(const KernelCost &slice, double slices) {
  return {slice.decode * slices, slice.scale * slices, slice.product * slices};
}

static void predict(DecodeOnce &result, const LinearSpec &spec,
                    const PanelShape &shape, const DecodedShape &decoded,
                    KernelBuilder &b) {
  const OperationCosts &costs = operationCosts(b.target);
  int64_t rows = spec.tileRows, panels = spec.tilePanels;
  MicroKernel(b, spec, shape, rows, panels).emitPacked("packed");
  MicroKernel(b, spec, shape, rows, panels).emitDecoded("decoded", decoded);
  emitPanelDecoder(b, "decoder", spec, shape, decoded);
  auto cost = [&](StringRef name, ArrayRef<int64_t> arguments) {
    return predictCost(b.module.lookupSymbol<func::FuncOp>(name), arguments,
                       costs);
  };
  int64_t columns = panels * kPanelRows;
  double slices = double(shape.tiles) / double(decoded.tiles);
  result.packed = cost("packed", {0, columns, 0});
  result.decoded =
      inSlices(cost("decoded", {0, columns, 0, decoded.tiles}), slices);
  result.decoder =
      inSlices(cost("decoder", {0, 0, decoded.tiles}), slices * double(panels));
}

static int64_t leastTiles(const DecodeOnce &costs) {
  double packed = costs.packed.all().total();
  double decoded = costs.decoded.all().total();
  double decoder = costs.decoder.all().total();
  if (packed - decoded < kLeastGain * packed)
    return 0;
  // Decoding takes most of the time, so that a store and a load matter little:
  // tiles of fewer rows, which are more, read decoded panels as well.
  if (packed > 2 * decoded)
    return 1;
  double tiles = std::floor(decoder / (packed - decoded)) + 1;
  return tiles > double(kMostTiles) ? 0 : std::max<int64_t>(2, int64_t(tiles));
}

DecodeOnce codegen::decodeOnce(const LinearSpec &spec, const PanelShape &shape,
                               const CpuTarget &target, MLIRContext *context) {
  DecodeOnce result;
  DecodedShape decoded(spec, shape, target, spec.tilePanels);
  Location loc = UnknownLoc::get(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  KernelBuilder b(loc, *module, target);
  predict(result, spec, shape, decoded, b);
  result.fitsStack = decoded.fitsStack(spec.tilePanels);
  switch (spec.decoding) {
  case Decoding::ByCost:
    result.fromTiles = result.fitsStack ? leastTiles(result) : 0;
    break;
  case Decoding::InTiles:
    result.fromTiles = 0;
    break;
  case Decoding::Once:
    result.fromTiles = 1;
    break;
  }
  return result;
}
