// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The qt dialect: which numbers?

#ifndef QUERN_DIALECT_QT_IR_QTDIALECT_H
#define QUERN_DIALECT_QT_IR_QTDIALECT_H

#include "mlir/IR/Dialect.h"
#include "quern/Numerics/Format.h"
#include <optional>

#include "quern/Dialect/QT/IR/QTDialect.h.inc"

namespace quern::qt {

/// Makes every context of `registry` know `formats` by name, instead of those
/// that Quern ships: QTDialect::setFormats when the dialect is loaded.
void registerFormats(mlir::DialectRegistry &registry,
                     numerics::FormatRegistry formats);

} // namespace quern::qt

#endif // QUERN_DIALECT_QT_IR_QTDIALECT_H
