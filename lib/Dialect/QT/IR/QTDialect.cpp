// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Registration of the qt dialect.

#include "quern/Dialect/QT/IR/QTDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/TypeUtilities.h"
#include "quern/Dialect/QT/IR/QTOps.h"

using namespace mlir;
using namespace quern;
using namespace quern::qt;

#include "quern/Dialect/QT/IR/QTDialect.cpp.inc"

#define GET_OP_CLASSES
#include "quern/Dialect/QT/IR/QTOps.cpp.inc"

void QTDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "quern/Dialect/QT/IR/QTOps.cpp.inc"
      >();
}

const numerics::FormatRegistry &QTDialect::getFormats() const {
  return customFormats ? *customFormats : numerics::FormatRegistry::builtin();
}

void QTDialect::setFormats(numerics::FormatRegistry formats) {
  customFormats = std::move(formats);
}

namespace {
/// Gives its formats to a qt dialect that is being loaded.
class FormatsExtension : public DialectExtension<FormatsExtension, QTDialect> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FormatsExtension)

  explicit FormatsExtension(numerics::FormatRegistry formats)
      : formats(std::move(formats)) {}

  void apply(MLIRContext *, QTDialect *dialect) const override {
    dialect->setFormats(formats);
  }

private:
  numerics::FormatRegistry formats;
};
} // namespace

void quern::qt::registerFormats(DialectRegistry &registry,
                                numerics::FormatRegistry formats) {
  registry.addExtension(TypeID::get<FormatsExtension>(),
                        std::make_unique<FormatsExtension>(std::move(formats)));
}
