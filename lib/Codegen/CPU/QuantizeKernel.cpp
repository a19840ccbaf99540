// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Quantization of activations as they are written.

#include "quern/Codegen/CPU/Kernels.h"

#include "RowSums.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Numerics/Encode.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

namespace {
/// Quantizes one group of columns of one row.
class GroupQuantizer {
public:
  GroupQuantizer(KernelBuilder &builder, const Format &format,
                 const ActivationRow &output)
      : b(builder), format(format), output(output),
        lanes(output.group % kLanes == 0 ? kLanes : 1), v(builder, lanes == 1) {
  }

  void emit(Value x, Value y, Value row, Value group);

private:
  Value loadInput(Value x, Value k);
  Value statistic(Value x, Value first);
  /// Stores codes of `columns` columns from `first` on; gives their sum.
  Value storeCodes(Value x, Value y, Value first, int64_t columns,
                   Value inverse);
  /// Makes the sums of a group, of all but the fewest columns.
  void foldSums(Value y, Value group);
  /// The address of the sum over part `part` of `columns` columns.
  Value sumAddress(Value y, int64_t columns, Value part);

  KernelBuilder &b;
  const Format &format;
  const ActivationRow &output;
  int64_t lanes; ///< 16, or 1 where groups are no multiple of 16
  VectorValues v;
};
} // namespace

Value GroupQuantizer::loadInput(Value x, Value k) {
  Value address = b.offset(x, b.mul(k, 4));
  return lanes == 1 ? b.loadF32(address) : b.loadVector(address);
}

Value GroupQuantizer::statistic(Value x, Value first) {
  Value end = b.add(first, output.group);
  Value most = b.loop(first, end, lanes, ValueRange{v.constF32(0)},
                      [&](Value k, ValueRange carried) -> SmallVector<Value> {
                        Value size = v.absF(loadInput(x, k));
                        return {v.maxF(size, carried[0])};
                      })[0];
  return lanes == 1 ? most : b.maxLanes(most);
}

Value GroupQuantizer::storeCodes(Value x, Value y, Value first, int64_t columns,
                                 Value inverse) {
  Value end = b.add(first, columns);
  Value factor = lanes == 1 ? inverse : b.broadcast(inverse);
  Type byte = lanes == 1 ? Type(b.getI8Type()) : b.vectorOf(b.getI8Type());
  Value sum = b.loop(first, end, lanes, ValueRange{v.constI32(0)},
                     [&](Value k, ValueRange carried) -> SmallVector<Value> {
                       Value code = encodeCode(v, format, loadInput(x, k),
                                               factor, factor);
                       Value narrow = arith::TruncIOp::create(b, byte, code);
                       b.store(narrow, b.offset(y, k));
                       return {v.addI(carried[0], code)};
                     })[0];
  if (lanes == 1)
    return sum;
  return vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum);
}

Value GroupQuantizer::sumAddress(Value y, int64_t columns, Value part) {
  return b.offset(b.offset(y, output.sumsOffset(columns)),
                  b.mul(part, ActivationRow::sumBytes(columns)));
}

void GroupQuantizer::foldSums(Value y, Value group) {
  std::vector<int64_t> sizes = output.sumColumns();
  // Each from two of half as many columns.
  for (size_t i = sizes.size() - 1; i-- > 0;) {
    int64_t count = output.group / sizes[i];
    Value first = b.mul(group, count);
    b.loop(first, b.add(first, count), 1, [&](Value part) {
      VectorValues scalar(b, /*scalar=*/true);
      auto half = [&](Value of) {
        return loadRowSum(b, sumAddress(y, sizes[i + 1], of), sizes[i + 1]);
      };
      Value first = b.mul(part, 2);
      Value sum = scalar.addI(half(first), half(b.add(first, 1)));
      storeRowSum(b, sum, sumAddress(y, sizes[i], part), sizes[i]);
    });
  }
}

void GroupQuantizer::emit(Value x, Value y, Value row, Value group) {
  ActivationRow input{ActivationRow::Kind::F32, output.width, 0};
  x = b.offset(x, b.mul(row, input.stride()));
  y = b.offset(y, b.mul(row, output.stride()));
  Value first = b.mul(group, output.group);
  VectorValues scalar(b, /*scalar=*/true);
  Value scale = exactScale(scalar, format, statistic(x, first));
  Value inverse = inverseScale(scalar, scale);
  b.store(scale, b.offset(b.offset(y, b.mul(group, 4)), output.scalesOffset()),
          4);
  int64_t columns = output.sumColumns().back();
  int64_t parts = output.group / columns;
  Value firstPart = b.mul(group, parts);
  b.loop(firstPart, b.add(firstPart, parts), 1, [&](Value part) {
    Value sum = storeCodes(x, y, b.mul(part, columns), columns, inverse);
    storeRowSum(b, sum, sumAddress(y, columns, part), columns);
  });
  foldSums(y, group);
}

/// Kernels write scales in binary32 that follow from the largest magnitude.
static Status checkInt8(const Format &format, const ActivationRow &output) {
  bool isSupported = format.element.kind == ElementKind::Int &&
                     format.element.bits == 8 && format.element.isSigned &&
                     format.isScaled() && !format.scale->isScaled() &&
                     format.offsetKind == OffsetKind::None &&
                     format.scale->element.kind == ElementKind::Float &&
                     format.scale->element.floatType->name == "f32" &&
                     format.scaleRule.statistic == ScaleStatistic::AbsMax;
  if (isSupported && output.group > 0 && output.width % output.group == 0)
    return Status::ok();
  return Status::error(StatusCode::Unsupported,
                       "expects activations in i8 [1, G], scale f32 with G "
                       "dividing " +
                           std::to_string(output.width) + ", but got " +
                           printFormat(format));
}

/// bfloat16 codes of one row, 16 columns at a time.
static void emitBf16Columns(KernelBuilder &b, const Format &format, Value x,
                            Value y, Value row, Value chunk,
                            const ActivationRow &output) {
  ActivationRow input{ActivationRow::Kind::F32, output.width, 0};
  Value k = b.mul(chunk, kLanes);
  Value from = b.offset(b.offset(x, b.mul(row, input.stride())), b.mul(k, 4));
  Value to = b.offset(b.offset(y, b.mul(row, output.stride())), b.mul(k, 2));
  VectorValues v(b);
  // The padding of both rows holds zeros, and stays so.
  Value code =
      encodeElement(v, format.element, CodeRounding::Even, b.loadVector(from));
  b.store(arith::TruncIOp::create(b, b.vectorOf(b.getI16Type()), code), to, 2);
}

Status codegen::emitQuantizeKernel(KernelBuilder &b, StringRef name,
                                   const Format &format,
                                   const ActivationRow &output) {
  bool isInt8 = output.kind == ActivationRow::Kind::Int8;
  if (isInt8)
    if (Status status = checkInt8(format, output); !status)
      return status;
  int64_t items = isInt8 ? output.width / output.group
                         : (output.width + kLanes - 1) / kLanes;
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, i, i, i}).getArguments();
  GroupQuantizer quantizer(b, format, output);
  b.forShare(b.mul(args[2], items), args[3], args[4], [&](Value item) {
    Value row = b.div(item, items), index = b.rem(item, items);
    if (isInt8)
      quantizer.emit(args[0], args[1], row, index);
    else
      emitBf16Columns(b, format, args[0], args[1], row, index, output);
  });
  b.endFunction();
  return Status::ok();
}
