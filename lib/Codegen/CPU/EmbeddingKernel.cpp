// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Decodes one row of a table in panel layout for each token.

#include "quern/Codegen/CPU/Kernels.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Numerics/Decode.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

namespace {
/// Decodes tiles of a panel and keeps one of its 16 rows.
class RowDecoder {
public:
  RowDecoder(KernelBuilder &builder, const PanelShape &shape)
      : b(builder), shape(shape), reader(builder, shape) {}

  /// Writes the columns of tile `tile` of row `lane` (i64) of a panel to `y`.
  void emit(const PanelPointers &at, Value lane, Value tile, Value y);

private:
  Value decodePlane(const PanelPointers &at, Value tile, Value address,
                    Value kInTile, const Format &format,
                    const std::string &path);
  void emitStep(const PanelStep &step, Value scale, Value offset, Value lane,
                Value k, Value y);

  KernelBuilder &b;
  const PanelShape &shape;
  PanelReader reader;
};
} // namespace

Value RowDecoder::decodePlane(const PanelPointers &at, Value tile,
                              Value address, Value kInTile,
                              const Format &format, const std::string &path) {
  VectorValues v(b);
  std::vector<Plane> planes = planesOf(*shape.format);
  auto codeOf = [&](const std::string &name) {
    auto plane =
        llvm::find_if(planes, [&](const Plane &p) { return p.path == name; });
    return reader.planeLanes(at, *plane, tile, address, kInTile);
  };
  return decodeValue(v, format, codeOf, path);
}

void RowDecoder::emitStep(const PanelStep &step, Value scale, Value offset,
                          Value lane, Value k, Value y) {
  VectorValues v(b);
  auto elements = reader.elementLanes(step);
  for (int64_t i = 0; i < 4; ++i) {
    Value row = applyScale(v, *shape.format, elements[i], scale, offset);
    Value index = arith::IndexCastOp::create(b, b.getIndexType(), lane);
    Value one =
        vector::ExtractOp::create(b, row, ArrayRef<OpFoldResult>{index});
    Value column = b.add(k, i);
    // A tile may overhang the row; the row's padding stays zero.
    b.ifThen(b.less(column, b.i64(shape.depth)),
             [&] { b.store(one, b.offset(y, b.mul(column, 4)), 4); });
  }
}

void RowDecoder::emit(const PanelPointers &at, Value lane, Value tile,
                      Value y) {
  const Format &format = *shape.format;
  Value address = reader.tileAddress(at, tile);
  int64_t steps = shape.scaleDepth / 4, period = shape.stepPeriod;
  int64_t together = 1; // blocks of one scale until pieces are aligned again
  while (together * steps % period != 0)
    ++together;
  int64_t blocks = shape.tileDepth / shape.scaleDepth;
  if (blocks % together != 0)
    together = blocks;
  b.loop(b.i64(0), b.i64(blocks / together), 1, [&](Value outer) {
    Value group = b.mul(outer, together * steps / period);
    for (int64_t block = 0; block < together; ++block) {
      Value kInTile =
          b.mul(b.add(b.mul(outer, together), block), shape.scaleDepth);
      Value scale, offset;
      if (format.isScaled())
        scale = decodePlane(at, tile, address, kInTile, *format.scale, "scale");
      if (format.offset)
        offset = decodePlane(at, tile, address, kInTile, *format.offset,
                             offsetKeyword(format.offsetKind));
      Value k = b.add(b.mul(tile, shape.tileDepth), kInTile);
      // Blocks of whole lanes loop over them.
      int64_t run = together == 1 && steps % period == 0 ? period : steps;
      b.loop(b.i64(0), b.i64(steps / run), 1, [&](Value index) {
        Value first = b.add(group, b.mul(index, run / period));
        Value firstK = b.add(k, b.mul(index, 4 * run));
        for (int64_t step = 0; step < run; ++step) {
          int64_t position = block * steps + step;
          Value inRun = b.add(b.mul(index, 4 * run), 4 * step);
          emitStep({&at, tile, address, b.add(first, position / period),
                    position % period, b.add(kInTile, inRun)},
                   scale, offset, lane, b.add(firstK, 4 * step), y);
        }
      });
    }
  });
}

Status codegen::emitEmbeddingKernel(KernelBuilder &b, StringRef name,
                                    const Format &format, const Layout &layout,
                                    int64_t width) {
  auto shape = PanelShape::create(format, layout, width);
  if (!shape)
    return shape.status();
  Type p = b.ptrType(), i = b.getI64Type();
  SmallVector<Type> types = {p, p, i, i, i};
  types.append(layout.segments.size(), p);
  auto args = b.beginFunction(name, types).getArguments();
  int64_t stride = ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
  RowDecoder decoder(b, *shape);
  Value items = b.mul(args[2], shape->tiles);
  b.forShare(items, args[3], args[4], [&](Value item) {
    Value row = b.div(item, shape->tiles), tile = b.rem(item, shape->tiles);
    Value token = b.load(b.getI32Type(), b.offset(args[0], b.mul(row, 4)), 4);
    Value wide = arith::ExtUIOp::create(b, b.getI64Type(), token);
    PanelPointers at{SmallVector<Value>(args.begin() + 5, args.end()),
                     b.div(wide, kPanelRows)};
    decoder.emit(at, b.rem(wide, kPanelRows), tile,
                 b.offset(args[1], b.mul(row, stride)));
  });
  b.endFunction();
  return Status::ok();
}
