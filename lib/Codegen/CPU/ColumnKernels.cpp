// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Kernels that act on the columns of rows: choose them, scale them.
//
// What they read beside the rows is one row of codes, in dense order.

#include "quern/Codegen/CPU/Kernels.h"

#include "quern/Numerics/Decode.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

static int64_t rowStride(int64_t width) {
  return ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
}

/// Calls `body(row, column, rest)` for every 16 columns of this worker's share
/// of the rows; `rest` is null where all 16 are there, else how many are.
static void
forVectors(KernelBuilder &b, int64_t width, Value rows, Value worker,
           Value workers,
           function_ref<void(Value row, Value column, Value rest)> body) {
  int64_t vectors = (width + kLanes - 1) / kLanes;
  b.forShare(b.mul(rows, vectors), worker, workers, [&](Value item) {
    Value row = b.div(item, vectors);
    Value column = b.mul(b.rem(item, vectors), kLanes);
    if (width % kLanes == 0)
      return body(row, column, nullptr);
    b.ifThenElse(
        b.less(column, b.i64(width / kLanes * kLanes)),
        [&] { body(row, column, nullptr); },
        [&] { body(row, column, b.i64(width % kLanes)); });
  });
}

/// 16 codes of 8, 16 or 32 bits from column `column` on, as i32.
static Value loadCodes(KernelBuilder &b, Value codes, Value column,
                       unsigned bits, Value rest) {
  Value pointer = b.offset(codes, b.mul(column, bits / 8));
  VectorType type = b.vectorOf(b.getIntegerType(bits));
  Value loaded;
  if (rest) {
    Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(type));
    loaded = LLVM::MaskedLoadOp::create(b, type, pointer, b.laneMask(rest),
                                        zeros, b.getI32IntegerAttr(bits / 8),
                                        /*nontemporal=*/UnitAttr());
  } else {
    loaded = b.load(type, pointer, bits / 8);
  }
  if (bits == 32)
    return loaded;
  return arith::ExtUIOp::create(b, b.vectorOf(b.getI32Type()), loaded);
}

static void storeColumns(KernelBuilder &b, Value vector, Value pointer,
                         Value rest) {
  if (rest)
    b.storeVectorPart(vector, pointer, rest);
  else
    b.store(vector, pointer, 4);
}

static Status checkRow(const numerics::Format &format, bool isOfThatKind,
                       const char *expected) {
  unsigned bits = format.element.bits;
  if (!format.isScaled() && isOfThatKind &&
      (bits == 8 || bits == 16 || bits == 32))
    return Status::ok();
  return Status::error(StatusCode::Unsupported,
                       std::string("expects ") + expected + ", but got " +
                           numerics::printFormat(format));
}

Status codegen::emitGatherColumnsKernel(KernelBuilder &b, StringRef name,
                                        const numerics::Format &format,
                                        int64_t inputWidth, int64_t width) {
  const numerics::Element &element = format.element;
  if (Status s = checkRow(format, element.isPlainInt() && !element.isSigned,
                          "numbers of columns in u8 or u16");
      !s)
    return s;
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, i, i, i}).getArguments();
  VectorValues v(b);
  forVectors(b, width, args[3], args[4], args[5],
             [&](Value row, Value column, Value rest) {
               Value x = b.offset(args[0], b.mul(row, rowStride(inputWidth)));
               Value y = b.offset(args[1], b.mul(row, rowStride(width)));
               Value index = loadCodes(b, args[2], column, element.bits, rest);
               // Columns that are not there read the last one and become zero.
               Value last = v.constI32(int32_t(inputWidth) - 1);
               Value isThere = v.lessI(index, v.constI32(int32_t(inputWidth)));
               Value found = b.gather(x, v.minI(index, last), b.getF32Type());
               storeColumns(b, v.selectF(isThere, found, b.splat(0)),
                            b.offset(y, b.mul(column, 4)), rest);
             });
  b.endFunction();
  return Status::ok();
}

Status codegen::emitScaleColumnsKernel(KernelBuilder &b, StringRef name,
                                       const numerics::Format &format,
                                       int64_t width) {
  const numerics::Element &element = format.element;
  if (Status s = checkRow(format, element.kind == numerics::ElementKind::Float,
                          "scales of columns in a float of 8, 16 or 32 bits");
      !s)
    return s;
  Type p = b.ptrType(), i = b.getI64Type();
  auto args = b.beginFunction(name, {p, p, p, i, i, i}).getArguments();
  VectorValues v(b);
  forVectors(b, width, args[3], args[4], args[5],
             [&](Value row, Value column, Value rest) {
               Value at = b.add(b.mul(row, rowStride(width)), b.mul(column, 4));
               Value code = loadCodes(b, args[2], column, element.bits, rest);
               Value scale = numerics::decodeElement(v, element, code);
               // Rows are padded, so that all 16 can be read.
               Value x = b.loadVector(b.offset(args[0], at));
               storeColumns(b, b.mulF(x, scale), b.offset(args[1], at), rest);
             });
  b.endFunction();
  return Status::ok();
}
