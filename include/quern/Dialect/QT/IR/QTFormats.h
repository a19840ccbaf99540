// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Formats beside the float types of MLIR.

#ifndef QUERN_DIALECT_QT_IR_QTFORMATS_H
#define QUERN_DIALECT_QT_IR_QTFORMATS_H

#include "mlir/IR/BuiltinTypes.h"
#include "quern/Base/Status.h"
#include "quern/Numerics/Format.h"

namespace quern::qt {

/// Whether a tensor of `element` holds the numbers of `format` as they are.
bool isPlain(const numerics::Format &format, mlir::Type element);

/// The format of the numbers in a tensor: its encoding, or without one that of
/// its element type. Fails for an encoding that is no #qt.format, and for an
/// element type that is no float of at most 32 bits.
Result<numerics::Format> formatOf(mlir::RankedTensorType type);

} // namespace quern::qt

#endif // QUERN_DIALECT_QT_IR_QTFORMATS_H
