// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What types of the IR mean for the values of the interpreter.

#ifndef QUERN_LIB_REFERENCE_TYPES_H
#define QUERN_LIB_REFERENCE_TYPES_H

#include "quern/Reference/Interpreter.h"

namespace quern::reference {

std::string textOf(mlir::Type type);

/// Whether tensors of `element` are held as integers: i32 and i8.
bool isInteger(mlir::Type element);
/// Whether tensors of `element` are held as real numbers: floats of at most 32
/// bits.
bool isReal(mlir::Type element);

/// Fails unless `value` is what `type` says: kind, rank, static extents,
/// encoding.
Status checkType(const Value &value, mlir::Type type);

/// Plain numbers as a tensor of `element` holds them.
Result<Tensor> roundToElement(const Tensor &numbers, mlir::Type element);

} // namespace quern::reference

#endif // QUERN_LIB_REFERENCE_TYPES_H
