// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Loops over register tiles of a linear kernel.

#include "quern/Codegen/CPU/LinearKernel.h"

#include "MicroKernel.h"
#include "quern/Numerics/Decode.h"
#include <algorithm>
#include <set>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

int64_t codegen::tileRows(const CpuTarget &target, const ActivationRow &input) {
  bool hasTiles = target.hasTiles && input.kind == ActivationRow::Kind::Int8;
  return hasTiles ? 16 : target.tileRows;
}

std::optional<IntegerElement> codegen::integerElement(const Element &element) {
  std::optional<int> shift = integerShift(element);
  if (!shift)
    return std::nullopt;
  IntegerElement result;
  result.shift = *shift;
  if (element.isPlainInt()) {
    result.bits = element.bits;
    result.bias = element.isSigned ? 1 << (element.bits - 1) : 0;
    return result;
  }
  ScalarValues v;
  auto add = [&](float value) {
    result.values.push_back(int(std::ldexp(value, *shift)));
  };
  if (element.kind == ElementKind::Codebook)
    llvm::for_each(element.codebook.values, add);
  else
    for (int32_t code = 0; code < (1 << element.bits); ++code)
      add(decodeElement(v, element, code));
  int least = int(std::ldexp(lowestValue(element), *shift));
  int most = int(std::ldexp(largestValue(element), *shift));
  result.bias = std::max(0, -least);
  while ((1 << result.bits) <= most + result.bias)
    ++result.bits;
  return result;
}

namespace {
/// The outer function: a worker's panels, then rows, in register tiles.
class LinearLoops {
public:
  LinearLoops(KernelBuilder &builder, StringRef name, const LinearSpec &spec,
              const PanelShape &shape)
      : b(builder), name(name), spec(spec), shape(shape) {}

  void emit();

private:
  void emitPanels(Value begin, Value end, int64_t panels, bool isSingleRow);
  void emitRows(Value panel, int64_t panels);
  void callTile(Value row, Value panel, int64_t rows, int64_t panels);
  std::string tileName(int64_t rows, int64_t panels) const {
    return (name + "_" + Twine(rows) + "x" + Twine(panels)).str();
  }
  int64_t singleRowPanels() const {
    return spec.tileRows > 1 ? 2 * spec.tilePanels : spec.tilePanels;
  }

  KernelBuilder &b;
  std::string name;
  const LinearSpec &spec;
  const PanelShape &shape;
  Value x, y, yStride, bias, residual, M, N, worker, workers;
  SmallVector<Value> segments;
};
} // namespace

void LinearLoops::callTile(Value row, Value panel, int64_t rows,
                           int64_t panels) {
  Value column = b.mul(panel, kPanelRows);
  Value inRow = b.add(b.mul(row, yStride), b.mul(column, 4));
  Value inResidual = inRow;
  if (spec.residualStride != 0)
    inResidual = b.add(b.mul(row, spec.residualStride), b.mul(column, 4));
  SmallVector<Value> operands = {
      b.offset(x, b.mul(row, spec.input.stride())),
      b.offset(y, inRow),
      yStride,
      spec.hasBias ? b.offset(bias, b.mul(column, 4)) : bias,
      spec.hasResidual ? b.offset(residual, inResidual) : residual,
      b.sub(N, column),
      panel};
  operands.append(segments);
  func::CallOp::create(b, tileName(rows, panels), TypeRange{}, operands);
}

void LinearLoops::emitRows(Value panel, int64_t panels) {
  // Whole tiles of rows, then what is left in tiles of half as many each.
  Value row = b.i64(0);
  for (int64_t rows = spec.tileRows; rows >= 1; rows /= 2) {
    Value whole = b.mul(b.div(b.sub(M, row), rows), rows);
    Value end = b.add(row, whole);
    b.loop(row, end, rows, [&](Value r) { callTile(r, panel, rows, panels); });
    row = end;
  }
}

void LinearLoops::emitPanels(Value begin, Value end, int64_t panels,
                             bool isSingleRow) {
  // A last tile may lack panels: it does the last one's work again.
  b.loop(begin, end, panels, [&](Value panel) {
    if (isSingleRow)
      callTile(b.i64(0), panel, 1, panels);
    else
      emitRows(panel, panels);
  });
}

void LinearLoops::emit() {
  std::set<std::pair<int64_t, int64_t>> tiles = {{1, singleRowPanels()}};
  for (int64_t rows = spec.tileRows; rows >= 1; rows /= 2)
    tiles.insert({rows, spec.tilePanels});
  for (auto [rows, panels] : tiles)
    MicroKernel(b, spec, shape, rows, panels).emit(tileName(rows, panels));

  Type p = b.ptrType(), i = b.getI64Type();
  SmallVector<Type> types = {p, p, i, p, p, i, i, i, i};
  types.append(shape.layout->segments.size(), p);
  auto function = b.beginFunction(name, types);
  auto args = function.getArguments();
  x = args[0], y = args[1], yStride = args[2], bias = args[3];
  residual = args[4], M = args[5], N = args[6];
  worker = args[7], workers = args[8];
  segments.assign(args.begin() + 9, args.end());
  auto [begin, end] =
      b.share(b.divCeil(N, kPanelRows), worker, workers, singleRowPanels());
  Value first = begin, last = end;
  b.ifThenElse(
      b.equal(M, b.i64(1)),
      [&] { emitPanels(first, last, singleRowPanels(), true); },
      [&] { emitPanels(first, last, spec.tilePanels, false); });
  b.endFunction();
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
  if (!integerElement(spec.weight.element))
    return unsupported("expects weights whose values are 8-bit integers beside "
                       "int8 activations, but got format " +
                       printFormat(spec.weight));
  if (spec.input.group % 4 != 0)
    return unsupported("expects groups of activations of a multiple of 4, but "
                       "got " +
                       std::to_string(spec.input.group));
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
