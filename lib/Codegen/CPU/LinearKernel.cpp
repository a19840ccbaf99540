// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Loops over register tiles of a linear kernel.

#include "quern/Codegen/CPU/LinearKernel.h"

#include "DecodeOnce.h"
#include "MicroKernel.h"
#include "quern/Numerics/Decode.h"
#include "llvm/ADT/bit.h"
#include <algorithm>
#include <set>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

int64_t codegen::tileRows(const CpuTarget &target, const LinearSpec &spec) {
  bool isInteger = spec.input.kind == ActivationRow::Kind::Int8;
  if (isInteger && stepForm(spec, target) == StepForm::BytePlanes)
    return target.planeTileRows;
  if (target.hasTiles && spec.input.kind != ActivationRow::Kind::F32)
    return 16;
  return isInteger ? target.integerTileRows : target.tileRows;
}

/// Activations that panel after panel is multiplied with: they come from a
/// third-level cache that others use too. What a slice reads of them fits the
/// second-level cache, and fewer blocks decode panels less often.
static constexpr int64_t kRowBlockBytes = 4 << 20;
namespace {
/// The outer function: blocks of rows, in them a worker's panels, in these rows
/// in register tiles.
class LinearLoops {
public:
  LinearLoops(KernelBuilder &builder, StringRef name, const LinearSpec &spec,
              const PanelShape &shape)
      : b(builder), name(name), spec(spec), shape(shape),
        decoded(spec, shape, builder.target, spec.tilePanels),
        once(decodeOnce(spec, shape, builder.target, builder.getContext())) {}

  void emit();

private:
  void emitTiles();
  void beginFunction();
  void emitPanels(int64_t panels, function_ref<void(Value panel)> body);
  /// Rows of a block: whole register tiles.
  int64_t blockRows() const {
    int64_t tiles = kRowBlockBytes / (spec.input.stride() * spec.tileRows);
    return std::max<int64_t>(1, tiles) * spec.tileRows;
  }
  void emitBlock();
  /// All rows of the block from packed panels.
  void emitPackedRows(Value panel);
  /// The same from panels that are decoded slice by slice.
  void emitDecodedRows(Value panel);
  void emitSlice(Value panel, Value first, Value end);
  /// Asks for the part of the slice behind tile `end` that falls to `rows` rows
  /// from `row` on, where all rows of the block ask for all of it.
  void prefetchSlice(Value panel, Value end, Value row, int64_t rows);
  /// Rows of register tiles, the most first, at least `least`: the largest,
  /// then powers of two.
  SmallVector<int64_t> tileSizes(int64_t least) const;
  /// Calls `body(first row, rows)` on whole tiles of the block's rows, then on
  /// what is left in smaller ones, down to `least` rows.
  void forRowTiles(Value begin, int64_t least,
                   function_ref<void(Value row, int64_t rows)> body);
  /// Operands of a tile at `row` but for where its weights are.
  SmallVector<Value> tileOperands(Value row, Value panel);
  /// Panel `panel` of the result is that of the weight.
  Value inWeight(Value panel) {
    return weightPanel ? b.add(weightPanel, panel) : panel;
  }
  void callPacked(Value row, Value panel, int64_t rows, int64_t panels);
  std::string packedName(int64_t rows, int64_t panels) const {
    return (name + "_" + Twine(rows) + "x" + Twine(panels)).str();
  }
  std::string decodedName(int64_t rows) const {
    return name + "_decoded_" + std::to_string(rows);
  }
  /// A single row waits for memory, and one panel after the other is one
  /// stream. Where all products of a panel are one chain of additions, it waits
  /// for these: then panels side by side are chains side by side.
  int64_t singleRowPanels() const {
    bool hasChunks = spec.input.kind == ActivationRow::Kind::Int8;
    return hasChunks ? 1 : 2 * spec.tilePanels;
  }
  /// Rows of the smallest tile that reads decoded panels.
  int64_t leastDecodedRows() const {
    return once.isForAllRows() ? 1 : spec.tileRows;
  }

  KernelBuilder &b;
  std::string name;
  const LinearSpec &spec;
  const PanelShape &shape;
  DecodedShape decoded;
  DecodeOnce once;
  Value x, y, yStride, bias, residual, M, N, worker, workers;
  SmallVector<Value> segments;
  Value weightPanel;          ///< where the weight begins, if not at 0
  Value firstPanel, endPanel; ///< of the worker
  Value blockBegin, blockEnd; ///< rows of the block
  Value slices;               ///< memory of the decoded panels of a tile
};
} // namespace

SmallVector<Value> LinearLoops::tileOperands(Value row, Value panel) {
  Value column = b.mul(panel, kPanelRows);
  Value inRow = b.add(b.mul(row, yStride), b.mul(column, 4));
  Value inResidual = inRow;
  if (spec.residualStride != 0)
    inResidual = b.add(b.mul(row, spec.residualStride), b.mul(column, 4));
  return {b.offset(x, b.mul(row, spec.input.stride())),
          b.offset(y, inRow),
          yStride,
          spec.hasBias ? b.offset(bias, b.mul(column, 4)) : bias,
          spec.hasResidual ? b.offset(residual, inResidual) : residual,
          b.sub(N, column)};
}

void LinearLoops::callPacked(Value row, Value panel, int64_t rows,
                             int64_t panels) {
  SmallVector<Value> operands = tileOperands(row, panel);
  operands.push_back(inWeight(panel));
  operands.append(segments);
  func::CallOp::create(b, packedName(rows, panels), TypeRange{}, operands);
}

SmallVector<int64_t> LinearLoops::tileSizes(int64_t least) const {
  SmallVector<int64_t> sizes = {spec.tileRows};
  for (int64_t rows = int64_t(llvm::bit_ceil(uint64_t(spec.tileRows))) / 2;
       rows >= least; rows /= 2)
    sizes.push_back(rows);
  return sizes;
}

void LinearLoops::forRowTiles(
    Value begin, int64_t least,
    function_ref<void(Value row, int64_t rows)> body) {
  Value row = begin;
  for (int64_t rows : tileSizes(least)) {
    Value whole = b.mul(b.div(b.sub(blockEnd, row), rows), rows);
    Value end = b.add(row, whole);
    b.loop(row, end, rows, [&](Value r) { body(r, rows); });
    row = end;
  }
}

void LinearLoops::emitPackedRows(Value panel) {
  forRowTiles(blockBegin, 1, [&](Value row, int64_t rows) {
    callPacked(row, panel, rows, spec.tilePanels);
  });
}

void LinearLoops::emitSlice(Value panel, Value first, Value end) {
  Value lastPanel = b.div(b.sub(N, b.i64(1)), kPanelRows);
  for (int64_t n = 0; n < spec.tilePanels; ++n) {
    SmallVector<Value> operands = {
        b.offset(slices, n * decoded.bytesPerPanel),
        inWeight(n == 0 ? panel : b.min(b.add(panel, n), lastPanel)), first,
        end};
    operands.append(segments);
    func::CallOp::create(b, name + "_decode", TypeRange{}, operands);
  }
  forRowTiles(blockBegin, leastDecodedRows(), [&](Value row, int64_t rows) {
    prefetchSlice(panel, end, row, rows);
    SmallVector<Value> operands = tileOperands(row, panel);
    operands.append({slices, first, end});
    func::CallOp::create(b, decodedName(rows), TypeRange{}, operands);
  });
}

void LinearLoops::prefetchSlice(Value panel, Value end, Value row,
                                int64_t rows) {
  constexpr int64_t kLine = 64;
  int64_t bytes = decoded.tiles * shape.tileBytes;
  Value ofRow = b.divCeil(b.i64(bytes), b.sub(blockEnd, blockBegin));
  Value from = b.mul(b.sub(row, blockBegin), ofRow);
  Value to = b.min(b.add(from, b.mul(ofRow, rows)), b.i64(bytes));
  // Panels follow each other: behind the last tile of a panel lies the next
  // one, which is of the same register tile but for the last.
  Value isEnd = b.div(end, shape.tiles);
  Value next = b.add(panel, b.mul(isEnd, spec.tilePanels - 1));
  Value start =
      b.add(b.mul(next, shape.panelBytes), b.mul(end, shape.tileBytes));
  for (int64_t n = 0; n < spec.tilePanels; ++n) {
    Value slice = b.offset(b.offset(segments[shape.codeSegment], start),
                           n * shape.panelBytes);
    b.loop(from, to, kLine,
           [&](Value at) { b.prefetch(b.offset(slice, at), kLine); });
  }
}

void LinearLoops::emitDecodedRows(Value panel) {
  Value tiles = b.i64(shape.tiles);
  b.loop(b.i64(0), tiles, decoded.tiles, [&](Value first) {
    emitSlice(panel, first, b.min(b.add(first, decoded.tiles), tiles));
  });
  if (once.isForAllRows())
    return;
  Value whole =
      b.mul(b.div(b.sub(blockEnd, blockBegin), spec.tileRows), spec.tileRows);
  forRowTiles(b.add(blockBegin, whole), 1, [&](Value row, int64_t rows) {
    callPacked(row, panel, rows, spec.tilePanels);
  });
}

void LinearLoops::emitPanels(int64_t panels,
                             function_ref<void(Value panel)> body) {
  // A last tile may lack panels: it does the last one's work again.
  b.loop(firstPanel, endPanel, panels, [&](Value panel) { body(panel); });
}

void LinearLoops::emitTiles() {
  std::set<std::pair<int64_t, int64_t>> tiles = {{1, singleRowPanels()}};
  if (!once.isForAllRows())
    for (int64_t rows : tileSizes(1))
      tiles.insert({rows, spec.tilePanels});
  for (auto [rows, panels] : tiles)
    MicroKernel(b, spec, shape, rows, panels)
        .emitPacked(packedName(rows, panels));
  if (!once.pays())
    return;
  emitPanelDecoder(b, name + "_decode", spec, shape, decoded);
  for (int64_t rows : tileSizes(leastDecodedRows()))
    MicroKernel(b, spec, shape, rows, spec.tilePanels)
        .emitDecoded(decodedName(rows), decoded);
}

void LinearLoops::beginFunction() {
  Type p = b.ptrType(), i = b.getI64Type();
  SmallVector<Type> types = {p, p, i, p, p, i, i, i, i};
  types.append(shape.layout->segments.size(), p);
  if (spec.hasFirstPanel)
    types.push_back(i);
  auto function = b.beginFunction(name, types);
  auto args = function.getArguments();
  x = args[0], y = args[1], yStride = args[2], bias = args[3];
  residual = args[4], M = args[5], N = args[6];
  worker = args[7], workers = args[8];
  segments.assign(args.begin() + 9,
                  args.begin() + 9 + shape.layout->segments.size());
  if (spec.hasFirstPanel)
    weightPanel = args.back();
  if (once.pays())
    slices = allocateOnStack(b, spec.tilePanels * decoded.bytesPerPanel);
}

void LinearLoops::emitBlock() {
  auto packed = [&] {
    emitPanels(spec.tilePanels, [&](Value panel) { emitPackedRows(panel); });
  };
  auto decoded = [&] {
    emitPanels(spec.tilePanels, [&](Value panel) { emitDecodedRows(panel); });
  };
  if (!once.pays())
    packed();
  else if (once.isForAllRows())
    decoded();
  else
    b.ifThenElse(b.lessEqual(b.i64(once.fromTiles * spec.tileRows),
                             b.sub(blockEnd, blockBegin)),
                 decoded, packed);
}

void LinearLoops::emit() {
  emitTiles();
  beginFunction();
  std::tie(firstPanel, endPanel) =
      b.share(b.divCeil(N, kPanelRows), worker, workers,
              std::max(spec.tilePanels, singleRowPanels()));
  auto one = [&] {
    emitPanels(singleRowPanels(), [&](Value panel) {
      callPacked(b.i64(0), panel, 1, singleRowPanels());
    });
  };
  auto many = [&] {
    b.loop(b.i64(0), M, blockRows(), [&](Value row) {
      blockBegin = row;
      blockEnd = b.min(b.add(row, blockRows()), M);
      emitBlock();
    });
  };
  b.ifThenElse(b.equal(M, b.i64(1)), one, many);
  b.endFunction();
}

/// Columns whose products with int8 activations are sure to have a sum of 32
/// bits.
static int64_t mostExactColumns(const IntegerElement &weight) {
  constexpr int64_t kLargestSum = (int64_t(1) << 31) - 1, kLargestInput = 128;
  return kLargestSum / (kLargestInput * weight.magnitude());
}

Status codegen::checkLinearKernel(const LinearSpec &spec) {
  auto shape = PanelShape::create(spec.weight, spec.layout, spec.input.width);
  if (!shape)
    return shape.status();
  if (spec.input.kind != ActivationRow::Kind::Int8)
    return Status::ok();
  auto unsupported = [](const std::string &text) {
    return Status::error(StatusCode::Unsupported, text);
  };
  if (!allowsIntegerProducts(spec.weight))
    return unsupported("expects weights whose values are 8-bit integers, or "
                       "scaled and of at most 8 bits, beside int8 "
                       "activations, but got format " +
                       printFormat(spec.weight));
  if (spec.input.group % 4 != 0)
    return unsupported("expects groups of activations of a multiple of 4, but "
                       "got " +
                       std::to_string(spec.input.group));
  int64_t most = mostExactColumns(*integerElement(spec.weight.element));
  if (chunkDepth(spec, *shape) > most)
    return unsupported("expects int8 activations of which at most " +
                       std::to_string(most) +
                       " columns share a scale, for more products of codes may "
                       "not fit 32 bits, but got " +
                       std::to_string(chunkDepth(spec, *shape)));
  return Status::ok();
}

Status codegen::emitLinearKernel(KernelBuilder &builder, StringRef name,
                                 const LinearSpec &spec) {
  if (Status status = checkLinearKernel(spec); !status)
    return status;
  auto shape = PanelShape::create(spec.weight, spec.layout, spec.input.width);
  LinearLoops(builder, name, spec, *shape).emit();
  return Status::ok();
}
