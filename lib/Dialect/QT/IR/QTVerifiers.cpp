// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Everything that can reject an attribute or operation of qt.

#include "quern/Dialect/QT/IR/QTOps.h"

using namespace mlir;
using namespace quern;
using namespace quern::qt;

LogicalResult
FormatAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                           function_ref<InFlightDiagnostic()> emitError) const {
  if (!isa<FloatType>(elementType))
    return emitError() << "#qt.format expects a tensor of floats, but got "
                       << elementType;
  if (shape.size() != 2)
    return emitError() << "#qt.format expects a tensor of rank 2, but got rank "
                       << shape.size();
  if (ShapedType::isDynamic(shape[1]))
    return emitError() << "#qt.format expects a static second dimension, but "
                          "got ?";
  int64_t rows = shape[0];
  if (ShapedType::isDynamic(rows)) {
    if (getFormat().isFlat)
      return emitError() << "#qt.format expects blocks within rows in a tensor "
                            "with a dynamic first dimension, but got flat ones";
    int64_t blockRows = numerics::outermostBlock(getFormat()).rows;
    if (blockRows != 1)
      return emitError()
             << "#qt.format expects blocks of 1 row in a tensor with a dynamic "
                "first dimension, but got "
             << (blockRows == 0 ? std::string("*") : std::to_string(blockRows));
    if (!getFormat().columns.empty())
      return emitError() << "#qt.format expects no column transforms in a "
                            "tensor with a dynamic first dimension, but got "
                         << getText();
    rows = 1;
  }
  Status status = numerics::checkShape(getFormat(), rows, shape[1]);
  if (!status)
    return emitError() << status.message();
  return success();
}

LogicalResult EncodeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Attribute source, Type from, StringAttr solver,
                                 FormatAttr flat) {
  if (!isa<FloatType>(from))
    return emitError() << "expects a float type after 'from', but got " << from;
  if (solver.empty())
    return emitError() << "expects the name of a solver, but got " << solver;
  if (flat && !flat.getFormat().isFlat)
    return emitError() << "expects a flat format after 'flat', but got "
                       << flat.getText();
  return success();
}

LogicalResult PartAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               Attribute, Type of, StringAttr part) {
  // part_c1
  FormatAttr format = getFormatAttr(of);
  if (!format || format.getFormat().columns.empty())
    return emitError() << "expects 'of' to be a tensor whose #qt.format has "
                          "column transforms, but got "
                       << of;
  // part_c2
  if (!numerics::lookupColumnPart(format.getFormat(), part.str()))
    return emitError() << "expects 'part' to be one of the parts of "
                       << format.getText() << ", but got " << part;
  return success();
}

LogicalResult ObserveOp::verify() {
  // observe_c1
  if (getName().empty())
    return emitOpError() << "expects a name, but got " << getNameAttr();
  return success();
}
